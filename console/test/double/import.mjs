/* Enough of an import for the double: commas, quotes, a few headings, no encodings but UTF-8. The real one is the gateway's. */
const HEADINGS = { 编号: 'id', id: 'id', 名称: 'name', name: 'name', 取流地址: 'url', url: 'url', 国标编码: 'external_id', external_id: 'external_id', 标签: 'tags', tags: 'tags', 街道: 'street', 凭据: 'credential', credential: 'credential' };

function rowsOf(text) {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((l) => l !== '')
    .map((l) => [...l.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].slice(0, -1).map((m) => m[1].replace(/^"|"$/g, '').replaceAll('""', '"')));
}

export function plan(state, body, params) {
  const kind = params.get('kind');
  const own = JSON.parse(params.get('map') ?? '{}');
  const lines = rowsOf(body.toString('utf8'));
  const head = lines[0] ?? [];
  const mapping = head.map((heading, i) => {
    const mine = Object.hasOwn(own, heading);
    const field = mine ? own[heading] || null : (HEADINGS[heading.trim().toLowerCase()] ?? null);
    return { column: i + 1, heading, field, guessed: !mine && field !== null };
  });
  const out = { kind: kind.slice(0, -1), format: 'csv', encoding: 'utf-8', delimiter: ',', mapping, rows: Math.max(0, lines.length - 1), base_rev: state.revisions.length, unchanged: 0, added: [], changed: [], removed: [], missing: 0, areas_added: [], credentials_added: [], notes: [], refused: [], applied: false };
  const deeds = [];
  const seen = new Set();
  const known = new Map(state.channels.map((c) => [c.id, c]));
  const numbers = new Map(state.channels.map((c) => [c.external_id, c]));
  const fresh = new Set();
  lines.slice(1).forEach((cells, i) => {
    const row = i + 2;
    const value = {};
    let street = '';
    mapping.forEach((m, k) => {
      const cell = (cells[k] ?? '').trim();
      if (m.field === 'street') street = cell;
      else if (m.field && cell !== '') value[m.field] = m.field === 'tags' ? cell.split(/[ ;]+/) : cell;
    });
    const refuse = (column, reason, v = value[column] ?? '') => out.refused.push({ row, column, value: String(v).slice(0, 60), reason });
    const before = out.refused.length;
    if (/^[=+@-]/.test(value.name ?? '')) refuse('name', 'this is a formula, not a name; write the name as text');
    if (/:\/\/[^/]*@/.test(value.url ?? '')) refuse('url', 'user and password do not belong into an address; give them as columns of their own, they are stored as a credential', value.url.replace(/\/\/.*@/, '//[login]@'));
    if (value.url?.includes('169.254.169.254')) refuse('url', '169.254.169.254 is the metadata service of a cloud, no camera');
    const key = value.id ?? value.external_id ?? value.url;
    if (key !== undefined && seen.has(key)) refuse(value.id ? 'id' : 'external_id', `it stood in an earlier row already`, key);
    seen.add(key);
    const there = known.get(value.id) ?? numbers.get(value.external_id);
    if (!there && !value.url) refuse('url', 'a new channel needs an address');
    if (out.refused.length > before) return;
    if (street !== '' && !state.areas.some((a) => a.name === street) && !fresh.has(street)) {
      fresh.add(street);
      out.areas_added.push({ id: `street-${fresh.size}`, name: street, parent: 'd' });
      deeds.push({ kind: 'area', id: `street-${fresh.size}`, op: 'add', before: null, after: { id: `street-${fresh.size}`, name: street, kind: 'street', parent: 'd', people: [], lat: null, lon: null, origin: 'inventory' } });
    }
    const after = Object.fromEntries(Object.entries(value).filter(([k]) => k !== 'id'));
    const fields = Object.entries(after)
      .filter(([k, v]) => JSON.stringify(there?.[k] ?? null) !== JSON.stringify(v))
      .map(([k, v]) => ({ field: k, before: there?.[k] ?? null, after: v }));
    if (there && fields.length === 0) out.unchanged += 1;
    else if (there) {
      out.changed.push({ row, id: there.id, name: there.name, fields });
      deeds.push({ kind: 'channel', id: there.id, op: 'change', before: Object.fromEntries(Object.keys(after).map((k) => [k, there[k]])), after });
    } else {
      const id = value.id ?? value.external_id ?? `cam-n${row}`;
      out.added.push({ row, id, name: value.name ?? id, fields });
      deeds.push({ kind: 'channel', id, op: 'add', before: null, after: { ...after, id, name: value.name ?? id } });
    }
  });
  out.missing = state.channels.filter((c) => c.origin === 'inventory' && !seen.has(c.id) && !seen.has(c.external_id)).length;
  if (params.get('remove_missing') === 'true') {
    for (const c of state.channels.filter((x) => x.origin === 'inventory' && !seen.has(x.id) && !seen.has(x.external_id))) {
      out.removed.push({ id: c.id, name: c.name });
      deeds.push({ kind: 'channel', id: c.id, op: 'remove', before: structuredClone(c), after: null });
    }
  }
  return { plan: out, deeds: (fresh2) => deeds.map((d) => (d.kind === 'channel' && d.op === 'add' ? { ...d, after: { ...structuredClone(fresh2), since: Date.now(), ...d.after } } : d)) };
}

export function exported(state, kind, format) {
  const rows = kind === 'areas' ? state.areas.map((a) => ({ id: a.id, name: a.name, kind: a.kind, parent: a.parent ?? '' })) : state.channels.map((c) => ({ id: c.id, name: c.name, external_id: c.external_id, url: c.url, tags: c.tags.join(' ') }));
  if (format === 'json') return JSON.stringify({ [kind === 'areas' ? 'area' : 'channel']: rows });
  const keys = Object.keys(rows[0] ?? {});
  return `\ufeff${keys.join(',')}\n${rows.map((r) => keys.map((k) => r[k]).join(',')).join('\n')}\n`;
}
