/*
 * The latest picture of a channel, asked for again while it can be seen. It is drawn on a canvas, so that a new picture
 * replaces the old one without a flash, no object addresses pile up, and the content policy needs no exception.
 */
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Line, Zone } from '../api/channel';
import { api, ApiError, gatewayNow } from '../api/client';
import { useNow, useTimes } from '../lib/hooks';
import { pictures } from '../lib/picturequeue';
import { Icon } from './icons';
import { Boxes } from './overlay';

const RETRY_MS = 10_000;

export function ChannelPicture({
  id,
  name,
  everyMs,
  live,
  zones = [],
  lines = [],
  over,
}: {
  id: string;
  name: string;
  everyMs: number;
  /** False where the channel gives no pictures now: the last one is asked for once and not again and again. */
  live: boolean;
  zones?: readonly Zone[];
  lines?: readonly Line[];
  /** Drawn over the picture, in its proportions (width by height), and also where there is none yet. */
  over?: (ratio: number) => ReactNode;
}) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [shot, setShot] = useState<{ at: number; width: number; height: number } | null>(null);
  const [missing, setMissing] = useState(false);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    let visible = false;
    let over = false;
    let leave: (() => void) | null = null;
    let timer: ReturnType<typeof setTimeout> | null = null;

    const run = async (signal: AbortSignal): Promise<void> => {
      let next = live ? everyMs : 6 * RETRY_MS;
      try {
        const found = await api.picture(id, signal);
        const bitmap = await createImageBitmap(found.blob);
        const c = canvas.current;
        if (!over && c) {
          c.width = bitmap.width;
          c.height = bitmap.height;
          c.getContext('2d')?.drawImage(bitmap, 0, 0);
          const at = found.ageMs !== null ? gatewayNow() - found.ageMs : found.seen;
          setShot({ at, width: bitmap.width, height: bitmap.height });
          setMissing(false);
        }
        bitmap.close();
      } catch (error) {
        if (over) return;
        const busy = error instanceof ApiError && error.status === 429;
        next = busy ? everyMs : Math.max(RETRY_MS, everyMs);
        if (!busy) setMissing(true);
        if (busy) throw error;
      } finally {
        leave = null;
        if (!over && visible) timer = setTimeout(ask, next);
      }
    };
    const ask = (): void => {
      timer = null;
      if (over || !visible || leave !== null) return;
      if (document.visibilityState !== 'visible') {
        timer = setTimeout(ask, everyMs);
        return;
      }
      leave = pictures.add({ run, urgent: live });
    };
    const observer = new IntersectionObserver(([entry]) => {
      const now = entry?.isIntersecting ?? false;
      if (now === visible) return;
      visible = now;
      if (visible) ask();
      else {
        if (timer !== null) clearTimeout(timer);
        timer = null;
        leave?.();
        leave = null;
      }
    });
    observer.observe(element);
    return () => {
      over = true;
      observer.disconnect();
      if (timer !== null) clearTimeout(timer);
      leave?.();
    };
  }, [id, everyMs, live]);

  return (
    <div
      ref={frame}
      className={`picture channel-picture ${missing || !live ? 'stale' : ''}`}
      style={shot ? { aspectRatio: `${shot.width} / ${shot.height}` } : {}}
    >
      <canvas
        ref={canvas}
        className={shot ? '' : 'empty'}
        role="img"
        aria-label={t('channels.pictureOf', { channel: name })}
        data-testid="channel-picture"
        data-loaded={shot !== null}
      />
      {shot && zones.length + lines.length > 0 && (
        <Boxes objects={[]} zones={zones} lines={lines} labels ratio={shot.width / Math.max(1, shot.height)} />
      )}
      {over?.(shot ? shot.width / Math.max(1, shot.height) : 16 / 9)}
      {!shot && (
        <span className="picture-none">
          <Icon name="picture" />
          {missing ? t('channels.noPicture') : t('channels.pictureWaits')}
        </span>
      )}
      {shot && <PictureAge at={shot.at} />}
    </div>
  );
}

function PictureAge({ at }: { at: number }) {
  const times = useTimes();
  const now = useNow();
  return <span className="picture-age num">{times.ago(now - at)}</span>;
}
