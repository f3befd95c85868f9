/*
 * The pictures of an alert: the one that is looked at, with its boxes and its zone, and a strip of those that tell most.
 * The gateway keeps a picture of an event's start and few further ones, and the page says so.
 */
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Alert, Media } from '../api/types';
import { choosePictures, type Shot } from '../lib/alertpictures';
import { useTimes } from '../lib/hooks';
import { useZone } from '../state/channels';
import type { Happening } from '../state/merge';
import { Icon } from './icons';
import { Boxes } from './overlay';

/** The strip, oldest first; empty where there is nothing to choose from. */
export function useShots(alert: Alert | undefined, groups: readonly Happening[]): Shot[] {
  const first = alert?.firstEvent ?? '';
  const last = alert?.lastEvent ?? '';
  return useMemo(() => choosePictures({ firstEvent: first, lastEvent: last }, groups), [first, last, groups]);
}

export function AlertPicture({
  alert,
  zone,
  media,
  seen,
  shots,
}: {
  alert: Alert;
  /** The zone of the event that is looked at. */
  zone: string | null;
  media: Media | null;
  seen: number;
  /** How many pictures the strip has. */
  shots: number;
}) {
  const { t } = useTranslation();
  const times = useTimes();
  const objects = media?.objects ?? [];
  const zones = useZone(alert.channel, zone);
  const [failed, setFailed] = useState('');
  const [ready, setReady] = useState('');
  const [boxes, setBoxes] = useState(true);
  const [outline, setOutline] = useState(true);
  const width = media && media.width > 0 ? media.width : 16;
  const height = media && media.height > 0 ? media.height : 9;
  return (
    <figure className="stage">
      <div className="picture-space" style={{ aspectRatio: `${width} / ${height}`, '--ratio': width / height } as React.CSSProperties}>
        <div className={`picture ${media && ready === media.url ? 'ready' : ''}`} style={{ aspectRatio: `${width} / ${height}` }}>
          {media && failed !== media.url ? (
            <>
              <img
                key={media.url}
                src={media.url}
                data-testid="alert-picture"
                data-ready={ready === media.url}
                alt={t('detail.pictureOf', { channel: alert.channelName, time: times.moment(seen, 'full') })}
                decoding="async"
                onLoad={() => setReady(media.url)}
                onError={() => setFailed(media.url)}
              />
              <Boxes objects={boxes ? objects : []} zones={outline ? zones : []} labels ratio={width / height} testid="alert-box" />
            </>
          ) : (
            <span className="picture-none">
              <Icon name="picture" />
              {t(media ? 'detail.pictureGone' : 'detail.noPicture')}
            </span>
          )}
        </div>
      </div>
      <figcaption>
        <span className="num">{times.moment(seen, 'full')}</span>
        {media && <span className="dim num">{t('detail.objects', { count: objects.length })}</span>}
        <span className="grow" />
        <button type="button" className="toggle" aria-pressed={boxes} onClick={() => setBoxes(!boxes)}>
          {t('detail.boxes')}
        </button>
        {zones.length > 0 && (
          <button type="button" className="toggle" aria-pressed={outline} onClick={() => setOutline(!outline)}>
            {t('detail.zones')}
          </button>
        )}
      </figcaption>
      {shots > 0 && <p className="dim small-text">{shots > 1 ? t('pictures.each', { count: alert.events }) : t(alert.events > 1 ? 'pictures.oneOfMany' : 'pictures.one')}</p>}
    </figure>
  );
}

export function Strip({ shots, chosen, onChoose }: { shots: readonly Shot[]; chosen: string; onChoose: (shot: Shot) => void }) {
  const { t } = useTranslation();
  if (shots.length === 0) return null;
  return (
    <div className="strip" role="group" aria-label={t('pictures.label')} data-testid="strip">
      {shots.map((s) => (
        <StripShot key={s.picture.url} shot={s} chosen={s.picture.url === chosen} onChoose={() => onChoose(s)} />
      ))}
      {shots.length > 1 && (
        <span className="strip-keys" aria-hidden="true">
          <kbd className="hint">←</kbd> <kbd className="hint">→</kbd>
        </span>
      )}
    </div>
  );
}

function StripShot({ shot, chosen, onChoose }: { shot: Shot; chosen: boolean; onChoose: () => void }) {
  const { t } = useTranslation();
  const times = useTimes();
  const [failed, setFailed] = useState(false);
  const { width, height } = shot.picture;
  const ratio = width > 0 && height > 0 ? width / height : 16 / 9;
  return (
    <button type="button" className="shot" aria-pressed={chosen} data-testid="shot" data-which={shot.which.join(' ')} onClick={onChoose}>
      <span className="thumb" aria-hidden="true">
        {failed ? (
          <Icon name="picture" />
        ) : (
          <span className="thumb-fit" style={{ aspectRatio: `${ratio}` }}>
            <img src={shot.picture.url} alt="" decoding="async" onError={() => setFailed(true)} />
            <Boxes objects={shot.picture.objects} ratio={ratio} />
          </span>
        )}
      </span>
      <span className="shot-text">
        <b>{shot.which.map((w) => t(`pictures.${w}`)).join(' · ')}</b>
        <span className="num dim">
          {times.moment(shot.seen, 'time')}
          {shot.which.includes('best') && shot.score !== null && ` · ${Math.round(shot.score * 100)}%`}
        </span>
      </span>
    </button>
  );
}
