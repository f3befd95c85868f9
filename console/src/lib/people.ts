/* Whom an alert can be dispatched to: the people of its area, from the nearest one upward. Pure. */
import type { Area, Person } from '../api/inventory';

export interface Choice {
  person: Person;
  area: { id: string; name: string; kind: string };
  /** As it is written into the alert. */
  text: string;
}

const MAX_TO = 200;

export function personText(p: Person): string {
  return [p.name, p.role, p.phone].filter((x) => x !== '').join(', ').slice(0, MAX_TO);
}

/** `path`: ids from the root. Somebody who answers for several levels is named once, at the nearest. */
export function peopleOf(path: readonly string[], areas: readonly Area[]): Choice[] {
  const byId = new Map(areas.map((a) => [a.id, a]));
  const seen = new Set<string>();
  const out: Choice[] = [];
  for (const id of [...path].reverse()) {
    const area = byId.get(id);
    for (const person of area?.people ?? []) {
      const text = personText(person);
      if (!area || text === '' || seen.has(text)) continue;
      seen.add(text);
      out.push({ person, area: { id, name: area.name, kind: area.kind }, text });
    }
  }
  return out;
}

/** Those that fit what was typed; every word must be found somewhere. */
export function matching(choices: readonly Choice[], typed: string): Choice[] {
  const words = typed.trim().toLowerCase().split(/[\s,]+/).filter((w) => w !== '');
  return choices.filter((c) => {
    const all = `${c.text} ${c.person.email} ${c.area.name}`.toLowerCase();
    return words.every((w) => all.includes(w));
  });
}
