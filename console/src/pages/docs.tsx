/* The API document as a page: routes by group, what they take and give, and the schemas that they name. */
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '../api/client';
import { useTitle } from '../lib/hooks';
import { readDocument, type Field, type Operation, type Shape } from '../lib/openapi';
import { errorText } from '../lib/words';
import { Heads } from '../ui/heads';
import { Icon } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';

function ShapeWord({ shape }: { shape: Shape }): ReactNode {
  const { t } = useTranslation();
  switch (shape.is) {
    case 'word':
      return (
        <code>
          {shape.word}
          {shape.note !== '' && <span className="dim"> {shape.note}</span>}
        </code>
      );
    case 'ref':
      return (
        <a className="mono" href={`#schema-${shape.name}`}>
          {shape.name}
        </a>
      );
    case 'values':
      return (
        <span className="values">
          {shape.values.map((v) => (
            <code key={v}>{v}</code>
          ))}
        </span>
      );
    case 'choice':
      return (
        <>
          {t('docs.oneOf')}{' '}
          {shape.of.map((s, i) => (
            <span key={i}>
              {i > 0 && ' | '}
              <ShapeWord shape={s} />
            </span>
          ))}
        </>
      );
    case 'nullable':
      return (
        <>
          <ShapeWord shape={shape.of} /> <span className="dim">{t('docs.orNull')}</span>
        </>
      );
    case 'list':
    case 'map': {
      const [before, after] = t(shape.is === 'list' ? 'docs.listOf' : 'docs.mapOf', { of: '\u0000' }).split('\u0000');
      return (
        <>
          {before}
          <ShapeWord shape={shape.of} />
          {after}
        </>
      );
    }
    case 'object':
      return <Fields fields={shape.fields} />;
    case 'any':
      return <span className="dim">{t('docs.any')}</span>;
  }
}

function Fields({ fields }: { fields: readonly (Field & { place?: string })[] }) {
  const { t } = useTranslation();
  return (
    <div className="table-scroll">
      <table className="fields">
        <Heads
          of={[
            { text: t('docs.name') },
            { text: t('docs.type') },
            { text: t('docs.meaning') },
          ]}
        />
        <tbody>
          {fields.map((f) => (
            <tr key={`${f.place ?? ''}${f.name}`}>
              <td>
                <code>{f.name}</code>
                <span className="dim small-text">
                  {f.place !== undefined && ` ${f.place},`} {t(f.required ? 'docs.required' : 'docs.optional')}
                </span>
              </td>
              <td>
                <ShapeWord shape={f.shape} />
              </td>
              <td>{f.meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function OperationCard({ op }: { op: Operation }) {
  const { t } = useTranslation();
  return (
    <details className="operation" id={op.id}>
      <summary>
        <span className={`method m-${op.method}`}>{op.method.toUpperCase()}</span>
        <code className="path">{op.path}</code>
        <span className="dim">{op.summary || op.description.split('\n')[0]}</span>
      </summary>
      <div className="operation-body">
        {op.description !== '' && op.description !== op.summary && <p>{op.description}</p>}
        {op.parameters.length > 0 && (
          <>
            <h4>{t('docs.parameters')}</h4>
            <Fields fields={op.parameters} />
          </>
        )}
        {op.body && (
          <>
            <h4>
              {t('docs.body')} <code className="dim">{op.body.type}</code>
            </h4>
            <ShapeWord shape={op.body.shape} />
          </>
        )}
        <h4>{t('docs.responses')}</h4>
        <dl className="answers">
          {op.answers.map((a) => (
            <div key={a.status}>
              <dt>
                <code className={`status s-${a.status[0] ?? ''}`}>{a.status}</code>
              </dt>
              <dd>
                {a.meaning}{' '}
                {a.shape ? (
                  <>
                    <code className="dim">{a.type}</code> <ShapeWord shape={a.shape} />
                  </>
                ) : (
                  <span className="dim">{a.type || t('docs.noBody')}</span>
                )}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </details>
  );
}

export default function DocsPage() {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: ['openapi'], queryFn: async () => readDocument(await api.openapi()), staleTime: Infinity });
  const [search, setSearch] = useState('');
  useTitle(t('docs.title'));
  const groups = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
    const by = new Map<string, Operation[]>();
    for (const op of query.data?.operations ?? []) {
      const hay = `${op.method} ${op.path} ${op.summary} ${op.description}`.toLowerCase();
      if (!words.every((w) => hay.includes(w))) continue;
      const group = by.get(op.tag);
      if (group) group.push(op);
      else by.set(op.tag, [op]);
    }
    return [...by];
  }, [query.data, search]);

  if (query.isPending) return <Loading text={t('docs.loading')} />;
  if (!query.data) {
    return (
      <Blank icon="misconfigured" title={t('docs.failed')} tone="bad">
        {query.error && <p>{errorText(t, query.error)}</p>}
        <button type="button" className="button" onClick={() => void query.refetch()}>
          {t('error.retry')}
        </button>
      </Blank>
    );
  }
  const document_ = query.data;
  return (
    <div className="page docs-page" data-testid="api-docs">
      <header className="page-head">
        <div>
          <h1>{t('docs.title')}</h1>
          <p className="dim">
            {document_.title} · {t('docs.version', { version: document_.version })} ·{' '}
            <a href="/api/v1/openapi.json">{t('docs.document')}</a>
          </p>
        </div>
        <label className="search">
          <Icon name="search" />
          <span className="visually-hidden">{t('docs.search')}</span>
          <input type="search" placeholder={t('docs.search')} value={search} onChange={(e) => setSearch(e.target.value)} />
        </label>
      </header>
      {document_.description !== '' && <p className="docs-intro">{document_.description}</p>}
      {groups.length === 0 && <p className="dim">{t('docs.noMatch')}</p>}
      {groups.map(([tag, operations]) => (
        <section key={tag}>
          <h2>{tag || t('docs.routes')}</h2>
          {operations.map((op) => (
            <OperationCard key={op.id} op={op} />
          ))}
        </section>
      ))}
      {document_.schemas.length > 0 && (
        <section>
          <h2>{t('docs.schemas')}</h2>
          {document_.schemas.map((s) => (
            <details key={s.name} className="operation" id={`schema-${s.name}`} open>
              <summary>
                <code className="path">{s.name}</code>
                <span className="dim">{s.description.split('\n')[0]}</span>
              </summary>
              <div className="operation-body">
                <ShapeWord shape={s.shape} />
              </div>
            </details>
          ))}
        </section>
      )}
    </div>
  );
}
