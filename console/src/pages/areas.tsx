/* The tree of areas with the people who are responsible; who may change the configuration edits it here. */
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { configure, type AreaEdit } from '../api/configure';
import { AREA_KINDS, type Area, type Person } from '../api/inventory';
import { areaKindText } from '../lib/configwords';
import { useNarrow, useTitle } from '../lib/hooks';
import { errorText } from '../lib/words';
import { buildTree, countTree, wayTo, type AreaNode, type AreaTree as Tree } from '../state/areas';
import { useChannels, useHealthy } from '../state/channels';
import { refreshInventory, useAreas } from '../state/inventory';
import { notify } from '../state/notices';
import { useMayConfigure } from '../state/rights';
import { AreaSelect } from '../ui/areaselect';
import { AreaTree } from '../ui/areatree';
import { Field, Problem } from '../ui/form';
import { Icon } from '../ui/icons';
import { Blank, Fact, Loading } from '../ui/parts';
import { RemoveButton, useRemoval } from '../ui/remove';
import { ConfigNav } from '../ui/subnav';

const HEALTH_MS = 1000;

export default function AreasPage() {
  const { t } = useTranslation();
  const go = useNavigate();
  const { id = '' } = useParams();
  const may = useMayConfigure();
  const narrow = useNarrow();
  const areas = useAreas();
  const query = useChannels();
  const channels = useHealthy(query.data, HEALTH_MS);
  const tree = useMemo(() => buildTree(areas.data ?? [], query.data ?? []), [areas.data, query.data]);
  const counts = useMemo(() => countTree(channels), [channels]);
  const [adding, setAdding] = useState<string | null>(null);
  const node = tree.byId.get(id) ?? null;
  useTitle(t('config.areas'));
  const count = counts.get(id) ?? { channels: 0, away: 0 };
  const beside = adding !== null || id !== '';

  return (
    <div className="page areas-page">
      <ConfigNav />
      <h1 className="visually-hidden">{t('config.areas')}</h1>
      {areas.isPending ? (
        <Loading text={t('app.loading')} />
      ) : (
        <div className={`changes-split ${narrow ? 'one' : ''}`}>
          {(!narrow || !beside) && (
            <aside className="channels-tree" aria-label={t('areas.title')}>
              {areas.isError && <Problem>{errorText(t, areas.error)}</Problem>}
              <AreaTree
                tree={tree}
                counts={counts}
                chosen={id === '' ? null : id}
                onChoose={(a) => {
                  setAdding(null);
                  void go(`/areas/${encodeURIComponent(a)}`);
                }}
                label={t('areas.title')}
              />
              {may && (
                <button type="button" className="button small" data-testid="area-add" onClick={() => setAdding(node?.id ?? '')}>
                  <Icon name="plus" />
                  {node ? t('areas.addBelow', { area: node.name }) : t('areas.add')}
                </button>
              )}
            </aside>
          )}
          {adding !== null ? (
            <AreaForm
              key={`new ${adding}`}
              tree={tree}
              area={null}
              parent={adding}
              onClose={(made) => {
                setAdding(null);
                if (made) void go(`/areas/${encodeURIComponent(made)}`);
              }}
            />
          ) : node ? (
            <AreaCard key={`${node.id} ${node.area?.name ?? ''}`} tree={tree} node={node} channels={count.channels} away={count.away} may={may} narrow={narrow} />
          ) : (
            !narrow && <Blank icon="area" title={t(id === '' ? 'areas.pick' : 'areas.notFound')} />
          )}
        </div>
      )}
    </div>
  );
}

function AreaCard({ tree, node, channels, away, may, narrow }: { tree: Tree; node: AreaNode; channels: number; away: number; may: boolean; narrow: boolean }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const [editing, setEditing] = useState(false);
  const { area } = node;
  const kind = areaKindText(t, node.kind);
  const own = may && area?.origin === 'inventory';
  const removal = useRemoval();
  const remove = async (): Promise<void> => {
    const up = node.parent ? `/areas/${encodeURIComponent(node.parent.id)}` : '/areas';
    if (await removal.run(() => configure.removeArea(node.id), t('areas.removed', { area: node.name }))) await go(up);
  };
  if (editing && area) return <AreaForm tree={tree} area={area} parent={area.parent ?? ''} onClose={() => setEditing(false)} />;
  return (
    <article className="card area-card" data-testid="area-card" data-area-id={node.id}>
      <header className="page-head">
        {narrow && (
          <Link className="ghost back" to="/areas" aria-label={t('areas.back')}>
            <Icon name="back" />
          </Link>
        )}
        <div>
          <p className="dim">
            {wayTo(tree, node.id)
              .slice(0, -1)
              .map((n) => (
                <span key={n.id}>
                  <Link to={`/areas/${encodeURIComponent(n.id)}`}>{n.name}</Link>
                  {' / '}
                </span>
              ))}
          </p>
          <h2>{node.name}</h2>
          <p className="dim">
            {kind && `${kind} · `}
            <span className="mono">{node.id}</span>
          </p>
        </div>
        <span className="grow" />
        {own && (
          <>
            <button type="button" className="button" data-testid="area-edit" onClick={() => setEditing(true)}>
              <Icon name="edit" />
              {t('edit.open')}
            </button>
            <RemoveButton icon testid="area-remove" onRemove={() => void remove()} />
          </>
        )}
      </header>
      {removal.error && <Problem>{removal.error}</Problem>}
      <dl className="facts">
        <Fact name={t('nav.channels')}>
          <Link to={`/channels?area=${encodeURIComponent(node.id)}`} className="num">
            {t('channels.shown', { count: channels })}
          </Link>
          {away > 0 && (
            <>
              {' · '}
              <Link to={`/channels?area=${encodeURIComponent(node.id)}&state=away`} className="warn-text num">
                {t('areas.away', { count: away })}
              </Link>
            </>
          )}
        </Fact>
        <Fact name={t('areas.inside')}>
          <span className="num">{t('areas.children', { count: node.children.length })}</span>
        </Fact>
        {area?.place && (
          <Fact name={t('field.place')}>
            <span className="num">
              {area.place.lat.toFixed(5)}, {area.place.lon.toFixed(5)}
            </span>
          </Fact>
        )}
        <Fact name={t('field.origin')}>{t(area?.origin === 'inventory' ? 'edit.originInventory' : 'edit.originFile')}</Fact>
      </dl>
      <h3>{t('areas.people')}</h3>
      {area && area.people.length > 0 ? (
        <ul className="people">
          {area.people.map((p, i) => (
            <li key={i}>
              <b>{p.name}</b> {p.role !== '' && <span className="dim">{p.role}</span>}
              <span className="num">
                {p.phone !== '' && <a href={`tel:${p.phone.replaceAll(/[^+\d]/g, '')}`}>{p.phone}</a>} {p.email !== '' && <span>{p.email}</span>}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="dim">{t('areas.noPeople')}</p>
      )}
    </article>
  );
}

const NOBODY: Person = { name: '', role: '', phone: '', email: '' };
const PERSON_FIELDS = ['name', 'role', 'phone', 'email'] as const;

function AreaForm({ tree, area, parent, onClose }: { tree: Tree; area: Area | null; parent: string; onClose: (made?: string) => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const above = tree.byId.get(parent);
  const below = above ? AREA_KINDS[AREA_KINDS.indexOf(above.kind as (typeof AREA_KINDS)[number]) + 1] : AREA_KINDS[0];
  const [name, setName] = useState(area?.name ?? '');
  const [kind, setKind] = useState(area?.kind ?? below ?? '');
  const [up, setUp] = useState(parent);
  const [people, setPeople] = useState<Person[]>(area?.people ?? []);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const person = (i: number, part: Partial<Person>): void => setPeople((all) => all.map((p, k) => (k === i ? { ...p, ...part } : p)));

  const save = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    const edit: AreaEdit = { name: name.trim(), kind, parent: up === '' ? null : up, people: people.filter((p) => p.name.trim() !== '') };
    try {
      const made = area ? await configure.changeArea(area.id, edit) : await configure.addArea(edit);
      refreshInventory(queries);
      notify('good', t('edit.saved'));
      onClose(made.id);
    } catch (e) {
      setError(errorText(t, e));
      setBusy(false);
    }
  };
  return (
    <form
      className="card form area-form"
      data-testid="area-form"
      onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}
    >
      <h2>{area ? t('edit.title', { channel: area.name }) : t('areas.add')}</h2>
      {error && <Problem>{error}</Problem>}
      <div className="fields-grid">
        <Field label={t('field.name')}>
          {(ids) => <input {...ids} autoFocus required maxLength={120} value={name} data-testid="area-name" onChange={(e) => setName(e.target.value)} />}
        </Field>
        <Field label={t('field.kind')}>
          {(ids) => (
            <select {...ids} value={kind} onChange={(e) => setKind(e.target.value)}>
              {[...new Set<string>([...AREA_KINDS, ...(kind ? [kind] : [])])].map((k) => (
                <option key={k} value={k}>
                  {areaKindText(t, k)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t('field.parent')} wide>
          {(ids) => <AreaSelect {...ids} tree={tree} value={up} onChange={setUp} empty={t('areas.noParent')} {...(area ? { without: area.id } : {})} />}
        </Field>
      </div>
      <h3>{t('areas.people')}</h3>
      {people.map((p, i) => (
        <fieldset key={i} className="person">
          <legend className="visually-hidden">{p.name || t('areas.person')}</legend>
          {PERSON_FIELDS.map((f) => (
            <Field key={f} label={t(`person.${f}`)}>
              {(ids) => <input {...ids} required={f === 'name'} maxLength={120} value={p[f]} onChange={(e) => person(i, { [f]: e.target.value })} />}
            </Field>
          ))}
          <button type="button" className="ghost" aria-label={t('areas.personRemove', { name: p.name })} onClick={() => setPeople((all) => all.filter((_, k) => k !== i))}>
            <Icon name="bin" />
          </button>
        </fieldset>
      ))}
      <button type="button" className="button small" data-testid="person-add" onClick={() => setPeople((all) => [...all, NOBODY])}>
        <Icon name="plus" />
        {t('areas.personAdd')}
      </button>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={() => onClose()}>
          {t('edit.cancel')}
        </button>
        <button type="submit" className="button primary" disabled={busy || name.trim() === ''} data-testid="area-save">
          {busy ? t('action.busy') : t('edit.save')}
        </button>
      </div>
    </form>
  );
}
