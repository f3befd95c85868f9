/* What lies over the map: layers with the legend of their signs, nearer and further, whose tiles they are and the scale. */
import { useTranslation } from 'react-i18next';
import { SEVERITIES } from '../../api/types';
import { LOOKS } from '../../lib/mapmarks';
import { scaleOf, type View } from '../../lib/mercator';
import { setFollow, toggleLayer, usePrefs, type Layer } from '../../state/prefs';
import { Icon, SeveritySign } from '../icons';
import { LookSign } from './sign';

export function MapLayers({ layers }: { layers: readonly Layer[] }) {
  const { t } = useTranslation();
  const hidden = usePrefs((s) => s.hidden);
  const follow = usePrefs((s) => s.follow);
  return (
    <div className="map-layers">
      <div className="map-switches" role="group" aria-label={t('map.layers')}>
        {layers.map((layer) => (
          <button key={layer} type="button" className="filter-chip" aria-pressed={!hidden.includes(layer)} data-testid={`layer-${layer}`} onClick={() => toggleLayer(layer)}>
            {t(`map.layer.${layer}`)}
          </button>
        ))}
      </div>
      <button type="button" className="filter-chip" aria-pressed={follow} data-testid="map-follow" title={t('map.followHint')} onClick={() => setFollow(!follow)}>
        <Icon name="target" /> {t('map.follow')}
      </button>
      <details className="map-legend">
        <summary className="filter-chip">{t('map.legend')}</summary>
        <ul>
          {LOOKS.map((look) => (
            <li key={look}>
              <LookSign look={look} /> {t(`map.look.${look}`)}
            </li>
          ))}
          {[...SEVERITIES].reverse().map((severity) => (
            <li key={severity}>
              <SeveritySign severity={severity} /> {t('map.alertOf', { severity: t(`severity.${severity}`) })}
            </li>
          ))}
          <li className="dim">{t('map.groupHint')}</li>
        </ul>
      </details>
    </div>
  );
}

export function MapZoom({ onZoom, onWhole }: { onZoom: (by: number) => void; onWhole: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="map-zoom" role="group" aria-label={t('map.zoom')}>
      <button type="button" className="ghost" aria-label={t('map.nearer')} title={t('map.nearer')} data-testid="map-in" onClick={() => onZoom(1)}>
        <Icon name="plus" />
      </button>
      <button type="button" className="ghost" aria-label={t('map.further')} title={t('map.further')} data-testid="map-out" onClick={() => onZoom(-1)}>
        <Icon name="minus" />
      </button>
      <button type="button" className="ghost" aria-label={t('map.whole')} title={t('map.whole')} data-testid="map-whole" onClick={onWhole}>
        <Icon name="whole" />
      </button>
    </div>
  );
}

const SCALE_PX = 110;

export function MapFoot({ view, attribution }: { view: View; attribution: string }) {
  const { t } = useTranslation();
  const { metres, px } = scaleOf(view, SCALE_PX);
  return (
    <div className="map-foot">
      <span className="map-scale num" style={{ width: px }}>
        {metres >= 1000 ? t('map.km', { n: metres / 1000 }) : t('map.m', { n: metres })}
      </span>
      {attribution !== '' && <span className="map-whose">{attribution}</span>}
    </div>
  );
}
