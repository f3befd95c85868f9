/* Who changed a rule or timetable, and when; each change leads to where it can be taken back. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { configure } from '../../api/configure';
import type { ChangeKind } from '../../api/inventory';
import { errorText } from '../../lib/words';
import { FieldChanges } from '../fieldchanges';
import { Moment } from '../parts';

export function ObjectHistory({ kind, id, rev }: { kind: ChangeKind; id: string; rev: number }) {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: ['revisions', kind, id, rev], queryFn: () => configure.revisionsOf(kind, id), retry: false });
  if (query.isError) return <p className="dim">{errorText(t, query.error)}</p>;
  const list = query.data ?? [];
  if (list.length === 0) return <p className="dim">{t(query.isPending ? 'app.loading' : 'rules.noHistory')}</p>;
  return (
    <ol className="object-history" data-testid="object-history">
      {list.map((r) => (
        <li key={r.rev}>
          <p>
            <Link to={`/changes/${r.rev}`} className="num">
              {t('changes.title', { rev: r.rev })}
            </Link>{' '}
            {t('changes.by', { user: r.author })} · <Moment at={r.at} />
          </p>
          {r.changes.map((c) => (
            <FieldChanges key={c.id} change={c} />
          ))}
        </li>
      ))}
    </ol>
  );
}
