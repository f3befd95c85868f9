/* The switch of the sound, on every page: it says so where the browser does not let it play. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { loudest, Speaker } from '../lib/sound';
import { useLive } from '../state/live';
import { Icon } from './icons';

const KEY = 'skyeye.sound';
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
  const priority = useLive((s) => loudest(s.order));

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
