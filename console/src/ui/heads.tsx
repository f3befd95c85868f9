/* The headings of a table of figures: words to the left, numbers to the right. */
import type { ReactNode } from 'react';

export interface Head {
  text: ReactNode;
  right?: boolean;
  className?: string;
}

export function Heads({ of }: { of: readonly Head[] }) {
  return (
    <thead>
      <tr>
        {of.map(({ text, right = false, className = '' }, i) => (
          <th key={i} scope="col" className={`${right ? 'right' : ''} ${className}`.trim() || undefined}>
            {text}
          </th>
        ))}
      </tr>
    </thead>
  );
}
