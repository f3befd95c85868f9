/* Where somebody may look: everywhere, or in some areas with all below them. To choose, and to show. */
import { useMemo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { buildTree, wayText, type AreaTree } from '../../state/areas';
import { useAreas } from '../../state/inventory';
import { AreaSelect } from '../areaselect';
import { Chips } from '../chips';
import { Field } from '../form';

export function useAreaTree(): AreaTree {
  const areas = useAreas();
  return useMemo(() => buildTree(areas.data ?? [], []), [areas.data]);
}

/** `value` null: everywhere. An empty list is a choice that is not finished. */
export function WherePick({ value, onChange }: { value: string[] | null; onChange: (value: string[] | null) => void }) {
  const { t } = useTranslation();
  const tree = useAreaTree();
  return (
    <fieldset className="plain where">
      <legend>{t('people.where')}</legend>
      <div className="choices">
        <label className="check">
          <input type="radio" name="where" checked={value === null} data-testid="where-all" onChange={() => onChange(null)} />
          {t('people.everywhere')}
        </label>
        <label className="check">
          <input type="radio" name="where" checked={value !== null} data-testid="where-some" onChange={() => onChange(value ?? [])} />
          {t('people.someAreas')}
        </label>
      </div>
      {value !== null && (
        <>
          <Field label={t('people.areaAdd')} hint={t('people.below')}>
            {(ids) => (
              <AreaSelect {...ids} tree={tree} value="" empty={t('people.areaPick')} onChange={(id) => id !== '' && !value.includes(id) && onChange([...value, id])} />
            )}
          </Field>
          <Chips list={value} text={(id) => wayText(tree, id) || id} onChange={onChange} testid="where-areas" />
        </>
      )}
    </fieldset>
  );
}

export function WhereText({ areas, tree }: { areas: readonly string[] | null; tree: AreaTree }): ReactNode {
  const { t } = useTranslation();
  if (areas === null) return <>{t('people.everywhere')}</>;
  if (areas.length === 0) return <span className="dim">{t('people.nowhere')}</span>;
  const names = areas.map((id) => tree.byId.get(id)?.name ?? id);
  return (
    <span title={areas.map((id) => wayText(tree, id) || id).join('\n')}>
      {names.slice(0, 3).join(', ')}
      {names.length > 3 && <span className="dim"> {t('people.moreAreas', { count: names.length - 3 })}</span>}
    </span>
  );
}
