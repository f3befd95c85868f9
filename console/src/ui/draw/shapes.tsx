/* What is drawn, as a list beside the picture: choosing, naming and removing each, and what keeps one from being stored. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import * as draw from '../../lib/drawing';
import { Field } from '../form';
import { Icon } from '../icons';

export function ShapeList({
  drawing,
  change,
  usedBy,
  channel,
  saved,
}: {
  drawing: draw.Drawing;
  change: (how: (d: draw.Drawing) => draw.Drawing) => void;
  /** Rules that name a zone or line. */
  usedBy: (kind: draw.ShapeKind, id: string) => readonly string[];
  channel: string;
  /** What is drawn is stored, so that a rule can be made for it. */
  saved: boolean;
}) {
  const { t } = useTranslation();
  const chosen = draw.chosenOf(drawing);
  const masks = drawing.shapes.filter((s) => s.kind === 'privacy' || s.kind === 'ignore');
  const nameOf = (s: draw.Shape): string => (s.kind === 'zone' || s.kind === 'line' ? s.name || s.id : t('draw.maskN', { n: masks.indexOf(s) + 1 }));
  if (drawing.shapes.length === 0) return <p className="dim">{t('draw.none')}</p>;
  return (
    <ul className="shape-list" data-testid="shape-list">
      {drawing.shapes.map((s) => {
        const fault = draw.faultOf(s, drawing.shapes);
        const open = s.key === drawing.chosen;
        const rules = usedBy(s.kind, s.id);
        return (
          <li key={s.key} className={open ? 'open' : ''}>
            <button
              type="button"
              className="shape-name"
              aria-expanded={open}
              data-testid="shape-item"
              data-kind={s.kind}
              data-id={s.id}
              onClick={() => change((d) => draw.choose(d, open ? null : s.key))}
            >
              <i className={`shape-sign is-${s.kind}`} aria-hidden="true" />
              <span>{nameOf(s)}</span>
              <span className="dim">{t(`draw.kind.${s.kind}`)}</span>
              {fault && <Icon name="misconfigured" className="bad" />}
            </button>
            {fault && (
              <p className="form-error small-text" data-testid="shape-fault">
                {t(`draw.fault.${fault}`)}
              </p>
            )}
            {open && chosen && <ShapeFields key={s.key} shape={chosen} change={change} rules={rules} channel={channel} saved={saved && fault === null} />}
          </li>
        );
      })}
    </ul>
  );
}

function ShapeFields({
  shape,
  change,
  rules,
  channel,
  saved,
}: {
  shape: draw.Shape;
  change: (how: (d: draw.Drawing) => draw.Drawing) => void;
  rules: readonly string[];
  channel: string;
  saved: boolean;
}) {
  const { t } = useTranslation();
  const { key, kind } = shape;
  const named = kind === 'zone' || kind === 'line';
  return (
    <div className="shape-fields">
      {named && (
        <Field label={t('draw.name')}>
          {(ids) => <input {...ids} maxLength={80} value={shape.name} data-testid="shape-name" onChange={(e) => change((d) => draw.rename(d, key, e.target.value))} onBlur={() => change(draw.seal)} />}
        </Field>
      )}
      {named && (
        <Field label={t('draw.id')} hint={t(shape.fresh ? 'draw.idHint' : 'draw.idStays')}>
          {(ids) => (
            <input
              {...ids}
              className="mono"
              maxLength={64}
              readOnly={!shape.fresh}
              value={shape.id}
              data-testid="shape-id"
              onChange={(e) => change((d) => draw.setId(d, key, e.target.value))}
              onBlur={() => change(draw.seal)}
            />
          )}
        </Field>
      )}
      {!named && (
        <Field label={t('draw.hides')} hint={t(`draw.hint.${kind}`)}>
          {(ids) => (
            <select {...ids} value={kind} data-testid="mask-kind" onChange={(e) => change((d) => draw.setKind(d, key, e.target.value === 'ignore' ? 'ignore' : 'privacy'))}>
              <option value="privacy">{t('draw.kind.privacy')}</option>
              <option value="ignore">{t('draw.kind.ignore')}</option>
            </select>
          )}
        </Field>
      )}
      {named && rules.length > 0 && (
        <p className="small-text">
          {t('draw.usedBy')}{' '}
          {rules.map((id, i) => (
            <span key={id}>
              {i > 0 && ', '}
              <Link to={`/rules/${encodeURIComponent(id)}`} className="mono">
                {id}
              </Link>
            </span>
          ))}
        </p>
      )}
      <div className="row-deeds">
        {kind === 'line' && (
          <button type="button" className="button small" data-testid="shape-turn" title={t('draw.turnHint')} onClick={() => change((d) => draw.turn(d, key))}>
            <Icon name="moved" />
            {t('draw.turn')}
          </button>
        )}
        {named && saved && (
          <Link className="button small" data-testid="shape-rule" to={`/add-rule?channel=${encodeURIComponent(channel)}&${kind}=${encodeURIComponent(shape.id)}`}>
            <Icon name="plus" />
            {t('draw.makeRule')}
          </Link>
        )}
        <button type="button" className="button small danger" data-testid="shape-remove" onClick={() => change((d) => draw.removeShape(d, key))}>
          <Icon name="bin" />
          {t('edit.remove')}
        </button>
      </div>
    </div>
  );
}
