/* One change of the configuration, field by field: what it was, what it is. */
import { useTranslation } from 'react-i18next';
import type { Change, FieldChange, Thing } from '../api/inventory';
import { thingText, valueWord } from '../lib/configwords';
import { fieldText } from '../lib/fieldwords';

export function FieldDiff({ field }: { field: FieldChange }) {
  const { t } = useTranslation();
  const { things } = field;
  const words = (all: readonly Thing[]): string => (all.length === 0 ? t('edit.nothing') : all.map((x) => thingText(t, x)).join('; '));
  const before = field.before === null ? null : things ? words(things.before) : valueWord(t, field.field, field.before);
  const after = things ? words(things.after) : valueWord(t, field.field, field.after);
  return (
    <span className="diff">
      <span className="diff-field">{fieldText(t, field.field)}</span>{' '}
      {before !== null && (
        <>
          <del>
            <span className="visually-hidden">{t('diff.before')} </span>
            {before}
          </del>{' '}
        </>
      )}
      {(field.after !== null || before !== null) && (
        <ins>
          <span className="visually-hidden">{t('diff.after')} </span>
          {after}
        </ins>
      )}
    </span>
  );
}

/** The word for what was done, and the fields; of what was added only what it got, of what was removed nothing. */
export function FieldChanges({ change }: { change: Pick<Change, 'op' | 'fields'> }) {
  const { t } = useTranslation();
  return (
    <div className="diffs">
      {change.op !== 'change' && <b className={`op op-${change.op}`}>{t(`op.${change.op}`)}</b>}
      {change.op !== 'remove' && change.fields.map((f) => <FieldDiff key={f.field} field={f} />)}
    </div>
  );
}
