/* The console's own signs, drawn on a 20 x 20 grid. They are decoration: the word always stands beside them. */
import type { ReactNode } from 'react';

const PATHS = {
  alerts: <path d="M10 2.5v2M3.5 9a6.5 6.5 0 0 1 13 0v4l1.5 2.500h-16L3.5 13zM8 17.500h4" />,
  channels: <path d="M2.5 5h10v10h-10zM12.5 9l5-3v8l-5-3" />,
  pulse: <path d="M2 10.500h4l2.5-6 3.5 11 2.5-7 1 2H18" />,
  system: <path d="M3 4h14v5H3zM3 11h14v5H3zM6 6.500h.01M6 13.500h.01M14 6.500h-4M14 13.500h-4" />,
  docs: <path d="M7 6l-4 4 4 4M13 6l4 4-4 4M11.5 4l-3 12" />,
  sun: <path d="M10 6.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.500v2M10 16.500v2M1.5 10h2M16.5 10h2M4 4l1.4 1.400M14.6 14.6 16 16M4 16l1.4-1.400M14.6 5.4 16 4" />,
  moon: <path d="M16.5 12.500A7 7 0 0 1 7.5 3.500a7 7 0 1 0 9 9z" />,
  system2: <path d="M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14" />,
  logout: <path d="M8 3H3.500v14H8M8 10h9M13.5 6.5 17 10l-3.5 3.5" />,
  search: <path d="M9 3.500a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13.2 13.2 17 17" />,
  grid: <path d="M3 3.500h6v5H3zM11 3.500h6v5h-6zM3 11.500h6v5H3zM11 11.500h6v5h-6z" />,
  list: <path d="M3 5h14M3 10h14M3 15h14" />,
  back: <path d="M12.5 4 6.5 10l6 6" />,
  next: <path d="M7.5 4l6 6-6 6" />,
  up: <path d="M10 16V4.500M5 9l5-5 5 5" />,
  check: <path d="M3.5 10.5 8 15l8.5-10" />,
  cross: <path d="M5 5l10 10M15 5 5 15" />,
  hand: <path d="M4 11l4.5 4.500L16.5 6" />,
  undo: <path d="M7 5 3 9l4 4M3.5 9H12a4.5 4.5 0 0 1 0 9h-2" />,
  flag: <path d="M5 18V3h9.500l-2 3.5 2 3.500H5" />,
  keyboard: <path d="M2 5h16v10H2zM5 8h.01M8 8h.01M11 8h.01M14 8h.01M6 12h8" />,
  picture: <path d="M2.5 4h15v12h-15zM2.5 13l4-4 3.5 3.5 3-3 4.5 4.500M13 7.500h.01" />,
  note: <path d="M4 3h12v9l-4 4.500H4zM7 7h6M7 10h4" />,
  link: <path d="M8 12l4-4M7 8.5 4.5 11a3 3 0 0 0 4.5 4.500L11.5 13M8.5 7 11 4.500A3 3 0 0 1 15.5 9L13 11.5" />,
  // States of a channel.
  running: <path d="M6 4.500v11l9-5.500z" />,
  connecting: <path d="M10 3a7 7 0 1 1-7 7" />,
  stalled: <path d="M7 4.500v11M13 4.500v11" />,
  offline: <path d="M3 3l14 14M10 15.500h.01M6.5 12.200a5 5 0 0 1 3-1.300M3.5 9a9.5 9.5 0 0 1 3-2M10 5.800A9.6 9.6 0 0 1 16.5 9" />,
  unreachable: <path d="M10 2.800a7.2 7.2 0 1 1 0 14.4 7.2 7.2 0 0 1 0-14.400zM5 15 15 5" />,
  auth_failed: <path d="M4.5 9h11v8h-11zM7 9V6.500a3 3 0 0 1 6 0M10 12v2" />,
  refused: <path d="M6.8 2.800h6.400l4 4v6.400l-4 4H6.800l-4-4V6.800zM6.5 10h7" />,
  misconfigured: <path d="M10 2.8 18 16.500H2zM10 8v4M10 14.300h.01" />,
  disabled: <path d="M10 2.500v7M6 5a6.8 6.8 0 1 0 8 0" />,
} as const satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  );
}

/** The sign of a severity differs in shape, not only in colour. */
export function SeveritySign({ severity }: { severity: 'low' | 'medium' | 'high' | 'critical' }) {
  return (
    <svg className={`sign sev-${severity}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {severity === 'critical' && <path className="fill" d="M8 .8 15.2 8 8 15.2.8 8z" />}
      {severity === 'critical' && <path className="cut" d="M8 4.500v4M8 11v.01" />}
      {severity === 'high' && <path className="fill" d="M8 1.5 15.2 14H.8z" />}
      {severity === 'high' && <path className="cut" d="M8 6v3.500M8 11.800v.01" />}
      {severity === 'medium' && <circle className="fill" cx="8" cy="8" r="5.8" />}
      {severity === 'low' && <circle className="line" cx="8" cy="8" r="5" />}
    </svg>
  );
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="logo-frame" d="M4 11V6.500A2.5 2.5 0 0 1 6.5 4H11M21 4h4.500A2.5 2.5 0 0 1 28 6.500V11M28 21v4.500a2.5 2.5 0 0 1-2.5 2.500H21M11 28H6.500A2.5 2.5 0 0 1 4 25.500V21" />
      <path className="logo-eye" d="M6 16c2.8-4.2 6.1-6.3 10-6.300s7.2 2.1 10 6.300c-2.8 4.2-6.1 6.3-10 6.300S8.8 20.2 6 16z" />
      <circle className="logo-pupil" cx="16" cy="16" r="3.2" />
    </svg>
  );
}
