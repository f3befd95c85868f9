/*
 * Choosing at the desk: by a click, and by its keys. These functions stay the same ones while the page is drawn anew with
 * every message, and read what is current through a ref.
 *
 * They are made here and not in the page, because a function keeps whatever any function that was made beside it uses:
 * one that is kept there from an earlier drawing keeps the queue as it was then, with every alert that has gone since.
 */
import { useCallback, useEffect, useRef, type RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import type { Result } from '../api/alerts';
import { SEVERITIES } from '../api/types';
import { act, actionOfKey, keyMay, mayPrioritise, withheld, type KeyAction } from '../lib/actions';
import type { Line } from '../lib/collapse';
import { keyIsOurs } from '../lib/keys';
import { useDesk } from '../state/desk';
import { useLive } from '../state/live';
import { notify } from '../state/notices';

export interface Current {
  lines: readonly Line[];
  id: string | undefined;
  /** Queue and detail do not stand side by side. */
  narrow: boolean;
}
export interface Choosing {
  choose: (next: string | null, push?: boolean) => void;
  /** By a click: where the detail takes the place of the queue, the way back leads to the queue. */
  pick: (next: string) => void;
  back: () => void;
  /** Shows or hides what stands behind a row. */
  toggle: (lead: string) => void;
}

export function useChoosing(current: RefObject<Current>, setOpened: (change: (old: ReadonlySet<string>) => ReadonlySet<string>) => void): Choosing {
  const navigate = useNavigate();
  const { search } = useLocation();
  // Both are others with each choice, and then every row would be drawn again.
  const way = useRef({ navigate, search });
  way.current = { navigate, search };
  const choose = useCallback((next: string | null, push = false): void => {
    void way.current.navigate(`${next ? `/alerts/${next}` : '/'}${way.current.search}`, { replace: !push });
  }, []);
  const pick = useCallback((next: string) => choose(next, current.current.narrow), [choose, current]);
  const back = useCallback(() => choose(null), [choose]);
  const toggle = useCallback(
    (lead: string): void => {
      const { lines, id } = current.current;
      const open = lines.some((l) => l.alert.id === lead && l.open);
      setOpened((old) => new Set(open ? [...old].filter((x) => x !== lead) : [...old, lead]));
      // What is chosen is always to be seen: a group closes onto its first.
      if (open && lines.some((l) => l.under === lead && l.alert.id === id)) choose(lead);
    },
    [choose, current, setOpened],
  );
  return { choose, pick, back, toggle };
}

export function useDeskKeys(current: RefObject<Current>, { choose, toggle }: Choosing, detail: RefObject<HTMLElement | null>, help: (open: boolean) => void): void {
  const { t } = useTranslation();
  useEffect(() => {
    const move = (by: number): void => {
      const { lines, id } = current.current;
      if (lines.length === 0) return;
      const at = lines.findIndex((l) => l.alert.id === id);
      const next = lines[at < 0 ? 0 : Math.min(Math.max(at + by, 0), lines.length - 1)]?.alert;
      if (next && next.id !== id) choose(next.id);
    };
    const group = (): void => {
      const { lines, id } = current.current;
      const line = lines.find((l) => l.alert.id === id);
      if (line && (line.behind.length > 0 || line.under !== null)) toggle(line.under ?? line.alert.id);
    };
    const quick = (action: KeyAction, result?: Result): void => {
      const alert = useLive.getState().alerts.get(current.current.id ?? '');
      if (!alert) return;
      const why = withheld(t, alert, action);
      if (why !== null) notify('bad', why);
      else if (keyMay(action, alert)) {
        if (action === 'acknowledge' || action === 'release' || action === 'reopen') void act(t, alert, action);
        else useDesk.getState().ask(alert.id, action, result);
      } else {
        notify('bad', t('action.notNow', { action: t(`action.${action}`), state: t(`state.${alert.state}`) }));
      }
    };
    // 1 is the most urgent.
    const prioritise = (n: number): void => {
      const alert = useLive.getState().alerts.get(current.current.id ?? '');
      const priority = SEVERITIES[SEVERITIES.length - n];
      const why = alert && withheld(t, alert, 'priority');
      if (why) notify('bad', why);
      else if (alert && priority && mayPrioritise(alert) && alert.handling.priority !== priority) void act(t, alert, 'priority', { priority });
    };
    const onKey = (e: KeyboardEvent): void => {
      if (!keyIsOurs(e)) return;
      const inDetail = e.target instanceof HTMLElement && e.target.closest('.detail') !== null;
      switch (e.key) {
        case 'j':
        case 'J':
          move(1);
          break;
        case 'k':
        case 'K':
          move(-1);
          break;
        case 'ArrowDown':
          if (inDetail) return;
          move(1);
          break;
        case 'ArrowUp':
          if (inDetail) return;
          move(-1);
          break;
        case 'f':
        case 'F':
          quick('resolve', 'false');
          break;
        case '1':
        case '2':
        case '3':
        case '4':
          prioritise(Number(e.key));
          break;
        case 'g':
        case 'G':
          group();
          break;
        case 'Enter':
          if (!current.current.id) move(1);
          detail.current?.focus();
          break;
        case 'Escape':
          if (current.current.narrow) choose(null);
          else document.getElementById('alert-queue')?.focus();
          break;
        case '?':
          help(true);
          break;
        default: {
          const action = actionOfKey(e.key);
          if (action === null) return;
          quick(action);
        }
      }
      e.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [current, choose, toggle, detail, help, t]);
}
