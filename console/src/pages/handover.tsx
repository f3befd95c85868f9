/*
 * Handing a shift over. The outgoing one sees what is open, shelved and counted, writes what the next must know, and signs;
 * the incoming one reads the same, signed, and takes it over with his own login. What was signed is listed, and prints.
 */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { handoverApi, MAX_NOTES, MAX_REMARK, type Handover, type HandoverLine, type HandoverNow } from '../api/handover';
import { ApiError } from '../api/client';
import type { Position } from '../api/numbers';
import { useTimes, useTitle } from '../lib/hooks';
import { errorText } from '../lib/words';
import { drafts } from '../state/drafts';
import { notify } from '../state/notices';
import { recall } from '../state/prefs';
import { useSession } from '../state/session';
import { refreshHandovers, useHandover, useHandoverNow, useHandovers, usePositions } from '../state/shifts';
import { Failed, NotThere } from '../ui/failed';
import { FigureTable } from '../ui/figures';
import { Field, Problem } from '../ui/form';
import { HandoverPaper } from '../ui/handoverpaper';
import { HandoverRows, HandoverStateWord } from '../ui/handoverrows';
import { Icon } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';

export default function HandoverPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const chosen = /^\d{1,15}$/.test(id) ? Number(id) : null;
  const positions = usePositions();
  useTitle(t('handover.title'));
  const body = (): React.ReactNode => {
    if (positions.isPending) return <Loading text={t('app.loading')} />;
    if (!positions.data) return <Failed title={t('handover.failed')} error={positions.error} retry={positions.refetch} />;
    return chosen === null ? <Desk positions={positions.data} /> : <Paper key={chosen} id={chosen} positions={positions.data} />;
  };
  return (
    <div className="page system-page handover-page" data-testid="handover-page">
      {body()}
    </div>
  );
}

/** By position: what is typed and not kept by the gateway. By handover: what who takes over remarks. */
const typedNotes = drafts<string>('handover');
const typedRemarks = drafts<string>('remark');

const nameOf = (positions: readonly Position[], id: string): string => positions.find((p) => p.id === id)?.name ?? id;

/** What the present shift leaves, and the handovers that were. */
function Desk({ positions }: { positions: Position[] }) {
  const { t } = useTranslation();
  const own = positions.filter((p) => p.whole);
  // The position that the desk is for hands over, unless another is chosen.
  const [picked, setPicked] = useState(() => recall('position') ?? '');
  const position = own.find((p) => p.id === picked) ?? own[0];
  return (
    <>
      <header className="page-head">
        <h1>{t('handover.title')}</h1>
        {own.length > 1 && (
          <label className="select">
            <span className="visually-hidden">{t('detail.position')}</span>
            <select value={position?.id ?? ''} data-testid="handover-position" onChange={(e) => setPicked(e.target.value)}>
              {own.map((p) => (
                <option key={p.id} value={p.id}>
                  {p.name}
                </option>
              ))}
            </select>
          </label>
        )}
      </header>
      <div className="handover-split">
        {position ? <Present key={position.id} position={position} /> : <Blank icon="auth_failed" title={t('handover.noPosition')} />}
        <Past positions={positions} position={own.length > 1 ? (position?.id ?? '') : ''} />
      </div>
    </>
  );
}

function Present({ position }: { position: Position }) {
  const { t } = useTranslation();
  const query = useHandoverNow(position.id);
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (!query.data) return <Failed title={t('handover.failed')} error={query.error} retry={query.refetch} />;
  return (
    <div className="handover-now">
      {query.data.offered && <Waiting of={query.data.offered} />}
      <Write now={query.data} position={position} />
    </div>
  );
}

/** Somebody has signed, and nobody has taken it over yet. */
function Waiting({ of }: { of: HandoverLine }) {
  const { t } = useTranslation();
  const times = useTimes();
  const mine = useSession((s) => s.session?.user === of.outgoing);
  const at = times.moment(of.offered, 'short');
  return (
    <section className="card handover-waiting" data-testid="handover-waiting">
      <Icon name="handover" />
      <div>
        <h2>{mine ? t('handover.waitsMine') : t('handover.waits', { user: of.outgoing })}</h2>
        <p className="dim num">{mine ? t('handover.waitsMineHint', { at }) : t('handover.waitsHint', { at })}</p>
      </div>
      <Link className={mine ? 'button' : 'button primary'} to={`/handover/${of.id}`} data-testid="handover-read">
        {mine ? t('handover.look') : t('handover.read')}
      </Link>
    </section>
  );
}

function Write({ now, position }: { now: HandoverNow; position: Position }) {
  const { t } = useTranslation();
  const times = useTimes();
  const queries = useQueryClient();
  const navigate = useNavigate();
  // What was typed stays, whatever is read meanwhile.
  const [typed, setTyped] = useState(() => typedNotes.of(position.id));
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const type = (text: string): void => {
    typedNotes.keep(position.id, text);
    setTyped(text);
  };
  const notes = typed ?? now.draft?.notes ?? '';
  const blocked = now.offered !== null;

  const send = async (offer: boolean): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      const made = await handoverApi.write(position.id, notes, offer);
      await refreshHandovers(queries);
      typedNotes.arrived(position.id, notes);
      setTyped(typedNotes.of(position.id));
      notify('good', offer ? t('handover.signed') : t('handover.saved'));
      if (offer) void navigate(`/handover/${made.id}`);
    } catch (error) {
      setProblem(errorText(t, error));
      if (error instanceof ApiError && error.status === 409) await refreshHandovers(queries);
    } finally {
      setBusy(false);
      setSure(false);
    }
  };

  return (
    <>
      <form
        className="card form handover-form"
        onSubmit={(e) => {
          e.preventDefault();
          if (sure) void send(true);
          else setSure(true);
        }}
      >
        <div className="card-head">
          <h2>{t('handover.write', { position: position.name })}</h2>
          <span className="dim num">{t('handover.fromTo', { from: times.moment(now.numbers.from, 'short'), to: times.moment(now.numbers.to, 'short') })}</span>
        </div>
        <Field label={t('handover.notes')} hint={t('handover.notesHint', { n: notes.length, of: MAX_NOTES })} wide>
          {(ids) => <textarea {...ids} rows={5} maxLength={MAX_NOTES} value={notes} readOnly={busy && sure} data-testid="handover-notes" onChange={(e) => type(e.target.value)} />}
        </Field>
        {problem !== null && <Problem>{problem}</Problem>}
        <div className="form-foot">
          <button type="submit" className={`button ${sure ? 'sure' : 'primary'}`} disabled={busy || blocked} data-testid="handover-sign">
            <Icon name="pen" />
            {busy ? t('action.busy') : sure ? t('handover.signSure') : t('handover.sign')}
          </button>
          {sure && (
            <button type="button" className="button quiet" onClick={() => setSure(false)}>
              {t('action.cancel')}
            </button>
          )}
          <button type="button" className="button" disabled={busy || typed === null} data-testid="handover-draft" onClick={() => void send(false)}>
            {t('handover.keep')}
          </button>
          {blocked ? <span className="dim">{t('handover.blocked')}</span> : <span className="dim">{t('handover.signHint')}</span>}
        </div>
      </form>
      <div className="card">
        <HandoverRows of={now} />
      </div>
      <section className="card">
        <div className="card-head">
          <h3>{t('handover.numbers')}</h3>
          <Link to="/numbers">{t('handover.allNumbers')}</Link>
        </div>
        <FigureTable numbers={now.numbers} />
      </section>
    </>
  );
}

function Past({ positions, position }: { positions: Position[]; position: string }) {
  const { t } = useTranslation();
  const times = useTimes();
  const query = useHandovers(position);
  const list = query.data?.pages.flatMap((p) => p.handovers) ?? [];
  return (
    <section className="card handover-past" data-testid="handover-past">
      <h2>{t('handover.past')}</h2>
      {list.length === 0 ? (
        <p className="dim">{query.isPending ? t('app.loading') : query.isError ? errorText(t, query.error) : t('handover.pastNone')}</p>
      ) : (
        <ol>
          {list.map((h) => (
            <li key={h.id}>
              <Link to={`/handover/${h.id}`} className="handover-line" data-testid="handover-line" data-state={h.state}>
                <span className="line-head">
                  <b className="num">{times.moment(Number.isFinite(h.offered) ? h.offered : h.written, 'short')}</b>
                  <HandoverStateWord state={h.state} />
                </span>
                <span>{h.incoming === null ? h.outgoing : t('handover.people', { outgoing: h.outgoing, incoming: h.incoming })}</span>
                <span className="dim num">
                  {nameOf(positions, h.position)} · {t('handover.left', { count: h.open })}
                </span>
              </Link>
            </li>
          ))}
        </ol>
      )}
      {query.hasNextPage && (
        <button type="button" className="button quiet" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {query.isFetchingNextPage ? t('alerts.moreBusy') : t('alerts.more')}
        </button>
      )}
    </section>
  );
}

/** One handover, to read, to sign and to print. */
function Paper({ id, positions }: { id: number; positions: Position[] }) {
  const { t } = useTranslation();
  const query = useHandover(id);
  const mine = useSession((s) => s.session?.user === query.data?.outgoing);
  const back = { to: '/handover', text: t('handover.back') };
  if (query.isPending) return <Loading text={t('app.loading')} />;
  if (!query.data) return <NotThere error={query.error} missing={t('handover.missing')} failed={t('handover.failed')} retry={query.refetch} back={back} />;
  return (
    <>
      <header className="page-head no-print">
        <Link className="ghost back" to={back.to} aria-label={back.text}>
          <Icon name="back" />
        </Link>
        <h1>{t('handover.title')}</h1>
        <span className="grow" />
        {query.data.state === 'offered' && !mine && (
          <a className="button primary" href="#take-over">
            {t('handover.toSign')}
          </a>
        )}
        <button type="button" className="button" data-testid="handover-print" onClick={() => window.print()}>
          <Icon name="print" />
          {t('handover.print')}
        </button>
      </header>
      {mine && <Sign of={query.data} mine />}
      <HandoverPaper of={query.data} positionName={nameOf(positions, query.data.position)} />
      {!mine && <Sign of={query.data} mine={false} />}
    </>
  );
}

/** What can be done with it now: taken over by another, who has read it down to here; taken back by who wrote it. */
function Sign({ of, mine }: { of: Handover; mine: boolean }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [remark, setRemark] = useState(() => typedRemarks.of(String(of.id)) ?? '');
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => setSure(false), [of.state]);
  if (of.state === 'accepted' || of.state === 'withdrawn') return null;

  const send = async (what: () => Promise<Handover>, done: string): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await what();
      notify('good', done);
    } catch (error) {
      setProblem(errorText(t, error));
    } finally {
      setBusy(false);
      setSure(false);
      await refreshHandovers(queries);
    }
  };
  const type = (text: string): void => {
    typedRemarks.keep(String(of.id), text);
    setRemark(text);
  };
  const taken = (made: Handover): Handover => {
    typedRemarks.drop(String(of.id));
    return made;
  };
  if (mine) {
    return (
      <section className="card handover-waiting no-print">
        <Icon name="handover" />
        <div>
          <h2>{of.state === 'draft' ? t('handover.draftMine') : t('handover.waitsMine')}</h2>
          <p className="dim">{of.state === 'draft' ? t('handover.draftHint') : t('handover.otherMust')}</p>
          {problem !== null && <Problem>{problem}</Problem>}
        </div>
        <button
          type="button"
          className={`button ${sure ? 'sure' : ''}`}
          disabled={busy}
          data-testid="handover-withdraw"
          onClick={() => (sure ? void send(() => handoverApi.withdraw(of.id), t('handover.withdrawn')) : setSure(true))}
        >
          {busy ? t('action.busy') : sure ? t('handover.withdrawSure') : t('handover.withdraw')}
        </button>
      </section>
    );
  }
  return (
    <form
      className="card form no-print"
      id="take-over"
      onSubmit={(e) => {
        e.preventDefault();
        void send(() => handoverApi.accept(of.id, remark).then(taken), t('handover.accepted'));
      }}
    >
      <h2>{t('handover.takeOver', { user: of.outgoing })}</h2>
      <Field label={t('handover.remark')} hint={t('handover.remarkHint')} wide>
        {(ids) => <textarea {...ids} rows={2} maxLength={MAX_REMARK} value={remark} data-testid="handover-remark" onChange={(e) => type(e.target.value)} />}
      </Field>
      {problem !== null && <Problem>{problem}</Problem>}
      <div className="form-foot">
        <button type="submit" className="button primary" disabled={busy} data-testid="handover-accept">
          <Icon name="check" />
          {busy ? t('action.busy') : t('handover.accept')}
        </button>
        <span className="dim">{t('handover.acceptHint')}</span>
      </div>
    </form>
  );
}
