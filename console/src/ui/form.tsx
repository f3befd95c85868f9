/* Fields of forms: a label above, what it means below, and what is wrong with it where the gateway says so. */
import { useId, type ReactNode } from 'react';
import { Icon } from './icons';

export function Field({
  label,
  hint,
  problem,
  children,
  wide = false,
}: {
  label: string;
  hint?: string | undefined;
  problem?: string | undefined;
  /** Gets the ids for `id` and `aria-describedby`. */
  children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }) => ReactNode;
  wide?: boolean;
}) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div className={`field ${wide ? 'wide' : ''}`}>
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': hint || problem ? about : undefined, 'aria-invalid': problem ? true : undefined })}
      {(problem || hint) && (
        <p id={about} className={problem ? 'form-error' : 'hint-text'}>
          {problem ?? hint}
        </p>
      )}
    </div>
  );
}

/** What went wrong, in a box that is read out. */
export function Problem({ children }: { children: ReactNode }) {
  return (
    <div className="problem" role="alert">
      <Icon name="misconfigured" />
      <div>{children}</div>
    </div>
  );
}
