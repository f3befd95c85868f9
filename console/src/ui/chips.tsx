/* A list of chosen things, each with a button that takes it out again. */
import { useTranslation } from 'react-i18next';
import { Icon } from './icons';

export function Chips({ list, text, onChange, testid }: { list: readonly string[]; text: (id: string) => string; onChange: (list: string[]) => void; testid?: string }) {
  const { t } = useTranslation();
  if (list.length === 0) return null;
  return (
    <ul className="chips" data-testid={testid}>
      {list.map((id) => (
        <li key={id} className="tag chip-out">
          <span>{text(id)}</span>
          <button type="button" className="ghost" aria-label={t('rules.takeOut', { what: text(id) })} onClick={() => onChange(list.filter((x) => x !== id))}>
            <Icon name="cross" />
          </button>
        </li>
      ))}
    </ul>
  );
}
