/*
 * The tree of areas out of two lists: the areas that are configured, and the paths that channels carry. Pure: the tree
 * depends on the lists only, the counts on health too, the rows on what is open and searched for. A parent that is not
 * there, or a ring of parents, makes roots and never an endless walk.
 */
import type { Channel } from '../api/channel';
import type { Area } from '../api/inventory';

/** Stands for "no area" wherever an area is chosen; no id is empty. */
export const NO_AREA = '';

export interface AreaNode {
  id: string;
  name: string;
  kind: string;
  parent: AreaNode | null;
  children: AreaNode[];
  area: Area | null;
}
export interface AreaTree {
  roots: AreaNode[];
  byId: ReadonlyMap<string, AreaNode>;
  /** There are channels that hang on no area. */
  loose: boolean;
}

export function buildTree(areas: readonly Area[], channels: readonly Channel[]): AreaTree {
  const byId = new Map<string, AreaNode>();
  const parents = new Map<string, string | null>();
  for (const area of areas) {
    byId.set(area.id, { id: area.id, name: area.name, kind: area.kind, parent: null, children: [], area });
    parents.set(area.id, area.parent);
  }
  let loose = false;
  for (const c of channels) {
    if (c.area.length === 0) loose = true;
    c.area.forEach((id, i) => {
      if (byId.has(id)) return;
      byId.set(id, { id, name: c.areaNames[i] ?? id, kind: '', parent: null, children: [], area: null });
      parents.set(id, c.area[i - 1] ?? null);
    });
  }
  const roots: AreaNode[] = [];
  for (const node of byId.values()) {
    const parent = byId.get(parents.get(node.id) ?? '');
    if (!parent || above(parent, node.id, parents)) roots.push(node);
    else {
      node.parent = parent;
      parent.children.push(node);
    }
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  const byName = (a: AreaNode, b: AreaNode): number => order.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  roots.sort(byName);
  for (const node of byId.values()) node.children.sort(byName);
  return { roots, byId, loose };
}

/** Whether going up from `node` comes to `id`: then hanging `id` below it would close a ring. */
function above(node: AreaNode, id: string, parents: ReadonlyMap<string, string | null>): boolean {
  let at: string | null | undefined = node.id;
  for (let steps = 0; at && steps < 64; steps += 1) {
    if (at === id) return true;
    at = parents.get(at);
  }
  return at !== null && at !== undefined;
}

export interface Count {
  channels: number;
  /** Neither running nor switched off. */
  away: number;
}

/** Counts by area id, of everything below it; channels without an area stand under `NO_AREA`. */
export function countTree(channels: readonly Channel[]): ReadonlyMap<string, Count> {
  const counts = new Map<string, Count>();
  const add = (id: string, away: boolean): void => {
    const n = counts.get(id);
    if (!n) counts.set(id, { channels: 1, away: away ? 1 : 0 });
    else {
      n.channels += 1;
      if (away) n.away += 1;
    }
  };
  for (const c of channels) {
    const away = isAway(c);
    if (c.area.length === 0) add(NO_AREA, away);
    for (const id of c.area) add(id, away);
  }
  return counts;
}

export function isAway(c: Channel): boolean {
  return c.health.state !== 'running' && c.health.state !== 'disabled';
}

export interface AreaRow {
  node: AreaNode;
  depth: number;
  open: boolean;
  /** Its place among its sisters, from 1, and how many there are. */
  place: number;
  of: number;
}

/** What is to be seen, top to bottom. A search shows what matches and the way to it. */
export function areaRows(tree: AreaTree, open: ReadonlySet<string>, search: string): AreaRow[] {
  const wanted = search.trim().toLowerCase();
  const hits = wanted === '' ? null : matching(tree, wanted);
  const rows: AreaRow[] = [];
  const walk = (nodes: readonly AreaNode[], depth: number): void => {
    const shown = hits ? nodes.filter((n) => hits.has(n.id)) : nodes;
    shown.forEach((node, i) => {
      const inside = hits ? node.children.some((c) => hits.has(c.id)) : open.has(node.id) && node.children.length > 0;
      rows.push({ node, depth, open: inside, place: i + 1, of: shown.length });
      if (inside) walk(node.children, depth + 1);
    });
  };
  walk(tree.roots, 0);
  return rows;
}

function matching(tree: AreaTree, wanted: string): ReadonlySet<string> {
  const hits = new Set<string>();
  for (const node of tree.byId.values()) {
    const people = node.area?.people.map((p) => `${p.name} ${p.phone}`).join(' ') ?? '';
    if (!`${node.name} ${node.id} ${people}`.toLowerCase().includes(wanted)) continue;
    for (let n: AreaNode | null = node; n; n = n.parent) hits.add(n.id);
  }
  return hits;
}

/** The way from the root to the area, both included; empty where it is not there. */
export function wayTo(tree: AreaTree, id: string): AreaNode[] {
  const way: AreaNode[] = [];
  for (let n = tree.byId.get(id) ?? null; n; n = n.parent) way.unshift(n);
  return way;
}

export function wayText(tree: AreaTree, id: string): string {
  return wayTo(tree, id)
    .map((n) => n.name)
    .join(' / ');
}

/** All areas with their ways, in the order of the tree: for lists to choose from. */
export function areaChoices(tree: AreaTree): { id: string; way: string; depth: number; name: string }[] {
  const out: { id: string; way: string; depth: number; name: string }[] = [];
  const walk = (nodes: readonly AreaNode[], way: string, depth: number): void => {
    for (const n of nodes) {
      const here = way === '' ? n.name : `${way} / ${n.name}`;
      out.push({ id: n.id, way: here, depth, name: n.name });
      walk(n.children, here, depth + 1);
    }
  };
  walk(tree.roots, '', 0);
  return out;
}
