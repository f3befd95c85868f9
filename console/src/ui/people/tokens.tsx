/* Tokens for programs: the list, making one, revoking one. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { people, SCOPES, type MadeToken } from '../../api/people';
import { useTimes } from '../../lib/hooks';
import { roleText } from '../../lib/peoplewords';
import { idProblem } from '../../lib/wizard';
import { errorText } from '../../lib/words';
import { notify } from '../../state/notices';
import { Dialog } from '../dialog';
import { Failed } from '../failed';
import { Field, Problem } from '../form';
import { Heads } from '../heads';
import { Icon } from '../icons';
import { Age, Blank, Loading } from '../parts';
import { Once } from './once';
import { RolePick } from './rolepick';
import { SureButton } from './sure';
import { useAreaTree, WherePick, WhereText } from './where';

const DAYS = [7, 30, 90, 180, 366] as const;

export function Tokens() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const times = useTimes();
  const tree = useAreaTree();
  const query = useQuery({ queryKey: ['tokens'], queryFn: people.tokens, retry: false });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeToken | null>(null);
  const [error, setError] = useState<string | null>(null);
  const again = (): void => void queries.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = async (name: string): Promise<void> => {
    setError(null);
    try {
      await people.revoke(name);
      notify('good', t('tokens.revoked', { name }));
      document.getElementById('main')?.focus({ preventScroll: true });
    } catch (e) {
      setError(errorText(t, e));
    }
    again();
  };
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (query.isError) return <Failed title={t('tokens.failed')} error={query.error} retry={query.refetch} />;
  const list = query.data.tokens;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{t('tokens.title')}</h1>
          <p className="dim">{t('tokens.hint')}</p>
        </div>
        <span className="grow" />
        <button type="button" className="button primary" data-testid="token-add" onClick={() => setMaking(true)}>
          <Icon name="plus" />
          {t('tokens.add')}
        </button>
      </header>
      {error && <Problem>{error}</Problem>}
      {list.length === 0 ? (
        <Blank icon="key" title={t('tokens.none')}>
          <p>{t('tokens.noneHint')}</p>
        </Blank>
      ) : (
        <div className="card table-scroll" role="group" tabIndex={0} aria-label={t('tokens.title')}>
          <table className="figures people-table">
            <Heads
              of={[
                { text: t('people.name') },
                { text: t('tokens.scope') },
                { text: t('people.where') },
                { text: t('tokens.expires') },
                { text: t('people.lastUse') },
                { text: <span className="visually-hidden">{t('action.label')}</span> },
              ]}
            />
            <tbody>
              {list.map((k) => (
                <tr key={k.name} className={k.expired ? 'past' : ''} data-testid="token" data-token={k.name}>
                  <th scope="row">
                    <span className="mono break">{k.name}</span>
                    <span className="dim small-text made-by">{t('tokens.madeBy', { user: k.createdBy })}</span>
                    {k.left !== 'all' && (
                      <span className="small-text made-by" data-testid="token-left">
                        {t(`tokens.left.${k.left}`, { user: k.createdBy })}
                      </span>
                    )}
                  </th>
                  <td data-head={t('tokens.scope')}>{roleText(t, k.scope)}</td>
                  <td data-head={t('people.where')}>
                    <WhereText areas={k.areas} tree={tree} />
                  </td>
                  <td className="num" data-head={t('tokens.expires')}>
                    {k.expired ? <span className="tag">{t('tokens.expired')}</span> : times.moment(k.expires, 'full')}
                  </td>
                  <td data-head={t('people.lastUse')}>
                    {Number.isFinite(k.last) ? (
                      <>
                        <Age at={k.last} className="dim" /> <span className="dim small-text mono">{k.address}</span>
                      </>
                    ) : (
                      <span className="dim">{t('tokens.never')}</span>
                    )}
                  </td>
                  <td className="right deeds">
                    <SureButton danger text={t('tokens.revoke')} sure={t('tokens.revokeSure')} label={t('tokens.revokeOf', { name: k.name })} testid="token-revoke" onSure={() => void revoke(k.name)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {making && (
        <TokenDialog
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
            again();
          }}
        />
      )}
      {made && <Once title={t('tokens.onceTitle', { name: made.made.name })} why={t('tokens.onceWhy')} secret={made.token} onClose={() => setMade(null)} />}
    </>
  );
}

function TokenDialog({ onMade, onClose }: { onMade: (made: MadeToken) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<string>('read');
  const [areas, setAreas] = useState<string[] | null>(null);
  const [days, setDays] = useState(90);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const badName = name !== '' && (idProblem(name) || name.length > 58);
  const ready = name !== '' && !badName && areas?.length !== 0;
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      onMade(await people.makeToken(name, scope, areas, days));
    } catch (e) {
      setError(errorText(t, e));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t('tokens.add')} onClose={onClose} testid="token-dialog">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (ready && !busy) void save();
        }}
      >
        {error && <Problem>{error}</Problem>}
        <Field label={t('people.name')} hint={t('tokens.nameHint', { name: name || 'NAME' })} problem={badName ? t('people.nameRule') : undefined}>
          {(ids) => <input {...ids} className="mono" autoFocus required maxLength={58} autoComplete="off" value={name} data-testid="token-name" onChange={(e) => setName(e.target.value)} />}
        </Field>
        <RolePick legend={t('tokens.scope')} of={SCOPES} value={scope} onChange={setScope} />
        <WherePick value={areas} onChange={setAreas} />
        <Field label={t('tokens.days')}>
          {(ids) => (
            <select {...ids} value={days} data-testid="token-days" onChange={(e) => setDays(Number(e.target.value))}>
              {DAYS.map((n) => (
                <option key={n} value={n}>
                  {t('tokens.daysOf', { count: n })}
                </option>
              ))}
            </select>
          )}
        </Field>
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {t('edit.cancel')}
          </button>
          <button type="submit" className="button primary" disabled={busy || !ready} data-testid="token-save">
            {busy ? t('action.busy') : t('tokens.add')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
