/* The switch of the sound, on every page. Where the browser does not let it play, that stands there in words: nobody hears it. */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { loudest, Speaker } from '../lib/sound';
import { useAway } from '../state/away';
import { useLive } from '../state/live';
import { useDeskPosition } from '../state/positions';
import { setSound, useSound } from '../state/sound';
import { Icon } from './icons';

/** A gateway that is started anew is back before. */
const LOST_MS = 15_000;
/** A click that lets the browser play is not one that silences. */
const CLICK_MS = 1000;

export function AlertSound() {
  const { t } = useTranslation();
  const [speaker] = useState(() => new Speaker());
  const on = useSound((s) => s.on);
  const [allowed, setAllowed] = useState(speaker.allowed);
  const allowedAt = useRef(-Infinity);
  const position = useDeskPosition();
  const priority = useLive((s) => loudest(s.order, position));
  const lost = useAway(LOST_MS);

  useEffect(() => {
    speaker.watch(() => {
      if (speaker.allowed) allowedAt.current = performance.now();
      setAllowed(speaker.allowed);
    });
    const unlock = (): void => speaker.unlock();
    window.addEventListener('pointerdown', unlock);
    window.addEventListener('keydown', unlock);
    return () => {
      window.removeEventListener('pointerdown', unlock);
      window.removeEventListener('keydown', unlock);
    };
  }, [speaker]);
  useEffect(() => (on && allowed && priority ? speaker.repeat(priority) : undefined), [speaker, on, allowed, priority]);
  useEffect(() => (on && allowed && lost ? speaker.repeat('lost') : undefined), [speaker, on, allowed, lost]);

  const word = !on ? 'off' : allowed ? 'on' : 'blocked';
  return (
    <button
      type="button"
      className={word === 'blocked' ? 'ghost sound-blocked' : 'ghost'}
      data-testid="sound-switch"
      data-sound={word}
      title={t(`sound.${word}`)}
      {...(word === 'blocked' ? {} : { 'aria-label': t(`sound.${word}`) })}
      onClick={() => setSound(word !== 'on' || performance.now() - allowedAt.current < CLICK_MS)}
    >
      <Icon name={word === 'on' ? 'sound' : word === 'off' ? 'silent' : 'misconfigured'} />
      {word === 'blocked' && <span>{t('sound.unheard')}</span>}
    </button>
  );
}
