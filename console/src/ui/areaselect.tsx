/*
 * Choosing an area out of thousands: what is typed finds it anywhere in its way ("north gate 3"), and the list below
 * offers the first of them. What is chosen stands in full with its way.
 */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { areaKindText } from '../lib/configwords';
import { areaChoices, wayText, type AreaTree } from '../state/areas';
import { Choice } from './choice';

export function AreaSelect({
  tree,
  value,
  onChange,
  empty,
  without,
  ...ids
}: {
  tree: AreaTree;
  value: string;
  onChange: (id: string) => void;
  /** What stands for "none". */
  empty: string;
  /** This area and all below it are not offered. */
  without?: string;
  id?: string;
  'aria-describedby'?: string | undefined;
  'aria-invalid'?: boolean | undefined;
}) {
  const { t } = useTranslation();
  const choices = useMemo(() => {
    const own = without === undefined ? null : wayText(tree, without);
    return areaChoices(tree)
      .filter((a) => own === null || (a.id !== without && !a.way.startsWith(`${own} / `)))
      .map((a) => ({ value: a.id, text: a.way, note: areaKindText(t, tree.byId.get(a.id)?.kind ?? '') }));
  }, [tree, without, t]);
  return <Choice {...ids} choices={choices} value={value} onChange={onChange} empty={empty} testid="area-select" />;
}
