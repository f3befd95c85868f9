/*
 * Drawing on a channel's picture: zones and lines for rules, and masks. Under the pencil lie the paths of the last hours
 * and a heat map, so that one sees where a zone belongs. Nothing is in force before it is saved.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import type { Channel, ChannelConfig } from '../api/channel';
import { api, ApiError } from '../api/client';
import { configure } from '../api/configure';
import { rulesApi, type Traces } from '../api/rules';
import * as draw from '../lib/drawing';
import { mergeDrawing } from '../lib/drawmerge';
import { useTimes, useTitle } from '../lib/hooks';
import { conflictText, errorText, listText } from '../lib/words';
import { refreshInventory } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { useRules } from '../state/rules';
import { ChannelPicture } from '../ui/channelpicture';
import { ShapeList } from '../ui/draw/shapes';
import { Stage } from '../ui/draw/stage';
import { Ghosts, Heat } from '../ui/draw/underlay';
import { NotThere } from '../ui/failed';
import { Problem } from '../ui/form';
import { Icon, type IconName } from '../ui/icons';
import { Blank, Loading } from '../ui/parts';

const EVERY_MS = 4000;
const HOURS = [1, 6, 24] as const;
const TOOLS: readonly { kind: draw.ShapeKind; icon: IconName }[] = [
  { kind: 'zone', icon: 'zone' },
  { kind: 'line', icon: 'line' },
  { kind: 'privacy', icon: 'privacy' },
  { kind: 'ignore', icon: 'ignore' },
];

export default function DrawPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const may = useMayConfigure();
  const query = useQuery({ queryKey: ['channel', id, 'draw'], queryFn: () => api.channel(id), refetchOnMount: 'always', staleTime: Infinity });
  useTitle(t('draw.title', { channel: query.data?.name ?? id }));
  if (!may) return <Blank icon="auth_failed" title={t('config.forbidden')} />;
  const channel = query.data;
  if (!channel) {
    if (query.isPending) return <Loading text={t('channels.loading')} />;
    return <NotThere error={query.error} missing={t('channels.notFound')} failed={t('channels.failed')} retry={query.refetch} back={{ to: '/channels', text: t('channels.back') }} />;
  }
  if (!channel.config || channel.origin === 'file') {
    return (
      <Blank icon="file" title={t('draw.inFile')}>
        <p>{t('draw.inFileHint')}</p>
        <Link className="button" to={`/channels/${encodeURIComponent(id)}`}>
          {t('draw.back')}
        </Link>
      </Blank>
    );
  }
  return <Editor key={channel.id} channel={channel} config={channel.config} />;
}

function Editor({ channel, config }: { channel: Channel; config: ChannelConfig }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const [drawing, setDrawing] = useState(() => draw.drawingOf(config.places));
  const [stored, setStored] = useState(drawing.shapes);
  const [rev, setRev] = useState(config.rev);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [said, setSaid] = useState('');
  const [paths, setPaths] = useState(true);
  const [heat, setHeat] = useState(false);
  const [hours, setHours] = useState<number>(6);
  const side = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const rules = useRules();
  const traces = useQuery({
    queryKey: ['traces', channel.id, hours],
    queryFn: () => rulesApi.traces(channel.id, hours),
    refetchInterval: 60_000,
    retry: false,
  });
  const change = useCallback((how: (d: draw.Drawing) => draw.Drawing) => setDrawing((d) => how(d)), []);
  const clean = draw.samePlaces(drawing.shapes, stored);
  const faults = drawing.shapes.some((s) => draw.faultOf(s, drawing.shapes) !== null);

  // What others stored meanwhile is taken over as long as nothing is drawn here; else when this is saved.
  useEffect(() => {
    if (config.rev <= rev || !clean || busy) return;
    const now = draw.drawingOf(config.places);
    setDrawing(now);
    setStored(now.shapes);
    setRev(config.rev);
  }, [config, rev, clean, busy]);

  // Leaving the page would lose it.
  useEffect(() => {
    if (clean) return;
    const warn = (e: BeforeUnloadEvent): void => e.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [clean]);

  const begin = (kind: draw.ShapeKind): void => {
    change((d) => draw.begin(d, kind));
    setSaid(t('draw.began', { what: t(`draw.kind.${kind}`) }));
    requestAnimationFrame(() => stage.current?.querySelector<HTMLElement>('.draw-stage')?.focus());
  };
  const onKey = (e: KeyboardEvent): void => {
    const typing = e.target instanceof HTMLInputElement;
    if (!(e.ctrlKey || e.metaKey) || typing) return;
    const key = e.key.toLowerCase();
    if (key === 'z') change(e.shiftKey ? draw.redo : draw.undo);
    else if (key === 'y') change(draw.redo);
    else return;
    e.preventDefault();
  };
  const save = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    const shapes = drawing.shapes.map((s) => ({ ...s, name: s.name.trim() }));
    try {
      const now = await configure.changeChannel(channel.id, { ...draw.placesOf(shapes), expect_rev: rev });
      setRev(now.config?.rev ?? rev);
      setDrawing((d) => ({ ...d, shapes: d.shapes.map((s) => ({ ...s, fresh: false })) }));
      setStored(shapes);
      refreshInventory(queries);
      notify('good', t('edit.saved'));
    } catch (e) {
      if (e instanceof ApiError && e.status === 409) {
        const theirs = (await api.channel(channel.id).catch(() => null))?.config;
        if (!theirs) setProblem(conflictText(t, e, ''));
        else {
          const merged = mergeDrawing(stored, { ...drawing, shapes }, theirs.places);
          setDrawing(merged.drawing);
          setStored(merged.stored);
          setRev(theirs.rev);
          const both = merged.both.map((s) => s.name || s.id || t(`draw.kind.${s.kind}`));
          setProblem(conflictText(t, e, t('draw.merged') + (both.length > 0 ? ` ${t('draw.both', { what: listText(i18n.language, both) })}` : '')));
        }
      } else setProblem(errorText(t, e));
    }
    setBusy(false);
  };
  const usedBy = (kind: draw.ShapeKind, id: string): string[] =>
    (rules.data ?? []).filter((r) => channel.rules.includes(r.rule.id) && (kind === 'zone' ? r.rule.zones : kind === 'line' ? r.rule.lines : []).includes(id)).map((r) => r.rule.id);

  return (
    <div className="page draw-page" data-testid="draw-page" data-clean={clean} onKeyDown={onKey}>
      <header className="page-head">
        <Link className="ghost back" to={`/channels/${encodeURIComponent(channel.id)}`} aria-label={t('draw.back')}>
          <Icon name="back" />
        </Link>
        <div>
          <h1>{t('draw.heading')}</h1>
          <p className="dim">
            {channel.name} · <span className="mono">{channel.id}</span>
          </p>
        </div>
        <span className="grow" />
        <button type="button" className="button" disabled={drawing.past.length === 0 && !drawing.draft} data-testid="draw-undo" onClick={() => change(draw.undo)}>
          <Icon name="undo" />
          {t('draw.undo')}
        </button>
        <button type="button" className="button" disabled={drawing.future.length === 0} data-testid="draw-redo" onClick={() => change(draw.redo)}>
          <Icon name="redo" />
          {t('draw.redo')}
        </button>
        <button type="button" className="button primary" disabled={busy || clean || faults || drawing.draft !== null} data-testid="draw-save" onClick={() => void save()}>
          {busy ? t('action.busy') : t('edit.save')}
        </button>
      </header>
      {problem && <Problem>{problem}</Problem>}
      <div className="draw-body">
        <div className="draw-main" ref={stage}>
          <div className="picture-space">
            <ChannelPicture
              id={channel.id}
              name={channel.name}
              everyMs={EVERY_MS}
              live={channel.health.state === 'running'}
              over={(ratio) => (
                <>
                  {heat && traces.data && <Heat heat={traces.data.heat} />}
                  {paths && traces.data && <Ghosts paths={traces.data.paths} />}
                  <Stage drawing={drawing} ratio={ratio} change={change} say={setSaid} onLeave={() => requestAnimationFrame(() => side.current?.querySelector<HTMLElement>('.tools button')?.focus())} />
                </>
              )}
            />
          </div>
          <p className="hint-text draw-keys" id="draw-keys">
            {t(drawing.draft ? 'draw.keysDraft' : 'draw.keys')}
          </p>
        </div>
        <div className="draw-side" ref={side}>
          <section className="card">
            <h2>{t('draw.add')}</h2>
            <div className="tools">
              {TOOLS.map(({ kind, icon }) => (
                <button
                  key={kind}
                  type="button"
                  className={`button tool is-${kind}`}
                  aria-pressed={drawing.draft?.kind === kind}
                  data-testid={`tool-${kind}`}
                  onClick={() => (drawing.draft?.kind === kind ? change(draw.cancel) : begin(kind))}
                >
                  <Icon name={icon} />
                  {t(`draw.kind.${kind}`)}
                </button>
              ))}
            </div>
            {drawing.draft ? (
              <div className="draft-bar">
                <p>{t(`draw.hint.${drawing.draft.kind}`)}</p>
                <div className="row-deeds">
                  <button type="button" className="button small primary" disabled={!draw.mayFinish(drawing)} data-testid="draft-finish" onClick={() => change(draw.finish)}>
                    {t('draw.finish')}
                  </button>
                  <button type="button" className="button small" data-testid="draft-cancel" onClick={() => change(draw.cancel)}>
                    {t('edit.cancel')}
                  </button>
                </div>
              </div>
            ) : (
              <ShapeList drawing={drawing} change={change} usedBy={usedBy} channel={channel.id} saved={clean} />
            )}
          </section>
          <section className="card">
            <h2>{t('draw.under')}</h2>
            <Under traces={traces.data ?? null} failed={traces.isError} paths={paths} heat={heat} hours={hours} setPaths={setPaths} setHeat={setHeat} setHours={setHours} />
          </section>
        </div>
      </div>
      <div className="visually-hidden" aria-live="polite" data-testid="draw-said">
        {said}
      </div>
    </div>
  );
}

function Under({
  traces,
  failed,
  paths,
  heat,
  hours,
  setPaths,
  setHeat,
  setHours,
}: {
  traces: Traces | null;
  failed: boolean;
  paths: boolean;
  heat: boolean;
  hours: number;
  setPaths: (on: boolean) => void;
  setHeat: (on: boolean) => void;
  setHours: (n: number) => void;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  return (
    <>
      <label className="check">
        <input type="checkbox" checked={paths} data-testid="under-paths" onChange={(e) => setPaths(e.target.checked)} />
        {t('draw.paths')}
      </label>
      <label className="check">
        <input type="checkbox" checked={heat} data-testid="under-heat" onChange={(e) => setHeat(e.target.checked)} />
        {t('draw.heat')}
      </label>
      <label className="check">
        <span>{t('draw.since')}</span>
        <select value={hours} onChange={(e) => setHours(Number(e.target.value))}>
          {HOURS.map((h) => (
            <option key={h} value={h}>
              {t('draw.hours', { count: h })}
            </option>
          ))}
        </select>
      </label>
      <p className="dim small-text" data-testid="under-said">
        {failed
          ? t('draw.noTraces')
          : traces === null
            ? t('app.loading')
            : traces.looks === 0
              ? t('draw.noLooks')
              : t('draw.seen', { looks: traces.looks, paths: traces.paths.length, from: times.moment(traces.from, 'full') })}
      </p>
    </>
  );
}
