/* The switch of the sound, on every page: it says so where the browser does not let it play. */
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { loudest, Speaker } from '../lib/sound';
import { useAway } from '../state/away';
import { useLive } from '../state/live';
import { Icon } from './icons';

const KEY = 'skyeye.sound';
/** A gateway that is started anew is back before. */
const LOST_MS = 15_000;
function wanted(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export function AlertSound() {
  const { t } = useTranslation();
  const [speaker] = useState(() => new Speaker());
  const [on, setOn] = useState(wanted);
  const [allowed, setAllowed] = useState(speaker.allowed);
  const order = useLive((s) => s.order);
  const priority = useMemo(() => loudest(order), [order]);
  const lost = useAway(LOST_MS);

  useEffect(() => {
    speaker.watch(() => setAllowed(speaker.allowed));
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
  const toggle = (): void => {
    const next = on && !allowed ? true : !on;
    setOn(next);
    try {
      localStorage.setItem(KEY, next ? 'on' : 'off');
    } catch {
      // A private window forgets it.
    }
  };
  return (
    <button type="button" className="ghost" data-testid="sound-switch" data-sound={word} title={t(`sound.${word}`)} aria-label={t(`sound.${word}`)} onClick={toggle}>
      <Icon name={word === 'on' ? 'sound' : 'silent'} />
    </button>
  );
}
