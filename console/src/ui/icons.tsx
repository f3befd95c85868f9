/* The console's own signs, drawn on a 20 x 20 grid. They are decoration: the word always stands beside them. */
import type { ReactNode } from 'react';

const PATHS = {
  alerts: <path d="M10 2.5v2M3.5 9a6.5 6.5 0 0 1 13 0v4l1.5 2.500h-16L3.5 13zM8 17.500h4" />,
  channels: <path d="M2.5 5h10v10h-10zM12.5 9l5-3v8l-5-3" />,
  map: <path d="M2.500 5 7.500 3l5 2 5-2v12l-5 2-5-2-5 2zM7.500 3v12M12.500 5v12" />,
  target: <path d="M10 4.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11zM10 2v4M10 14v4M2 10h4M14 10h4" />,
  minus: <path d="M4 10h12" />,
  whole: <path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4" />,
  numbers: <path d="M3 17V9h3v8M8.5 17V3h3v14M14 17v-6h3v6M2 17h16" />,
  handover: <path d="M3 6.500h11M11 3.500l3 3-3 3M17 13.500H6M9 10.500l-3 3 3 3" />,
  pen: <path d="M3.500 16.500l1-4L13.500 3.500l3 3L7.500 15.500zM11.500 5.500l3 3" />,
  print: <path d="M5.500 7V3h9v4M5.500 14H3V7h14v7h-2.500M5.500 11.500h9V17h-9z" />,
  few: <path d="M4.500 10h11" />,
  pulse: <path d="M2 10.500h4l2.5-6 3.5 11 2.5-7 1 2H18" />,
  system: <path d="M3 4h14v5H3zM3 11h14v5H3zM6 6.500h.01M6 13.500h.01M14 6.500h-4M14 13.500h-4" />,
  docs: <path d="M7 6l-4 4 4 4M13 6l4 4-4 4M11.5 4l-3 12" />,
  sound: <path d="M3 7.500h3l4.500-4v13l-4.500-4H3zM13 7a4 4 0 0 1 0 6M15 4.500a7.500 7.500 0 0 1 0 11" />,
  silent: <path d="M3 7.500h3l4.500-4v13l-4.500-4H3zM13 8l4.500 4.500M17.500 8 13 12.500" />,
  sun: <path d="M10 6.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.500v2M10 16.500v2M1.5 10h2M16.5 10h2M4 4l1.4 1.400M14.6 14.6 16 16M4 16l1.4-1.400M14.6 5.4 16 4" />,
  moon: <path d="M16.5 12.500A7 7 0 0 1 7.5 3.500a7 7 0 1 0 9 9z" />,
  system2: <path d="M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14" />,
  logout: <path d="M8 3H3.500v14H8M8 10h9M13.5 6.5 17 10l-3.5 3.5" />,
  search: <path d="M9 3.500a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13.2 13.2 17 17" />,
  grid: <path d="M3 3.500h6v5H3zM11 3.500h6v5h-6zM3 11.500h6v5H3zM11 11.500h6v5h-6z" />,
  list: <path d="M3 5h14M3 10h14M3 15h14" />,
  flood: <path d="M2 7c2-2 4-2 5.300 0s3.300 2 5.400 0 3.300-2 5.300 0M2 11.500c2-2 4-2 5.300 0s3.300 2 5.400 0 3.300-2 5.300 0M2 16c2-2 4-2 5.300 0s3.300 2 5.400 0 3.300-2 5.300 0" />,
  back: <path d="M12.5 4 6.5 10l6 6" />,
  next: <path d="M7.5 4l6 6-6 6" />,
  up: <path d="M10 16V4.500M5 9l5-5 5 5" />,
  down: <path d="M4.500 7.500 10 13l5.500-5.500" />,
  check: <path d="M3.5 10.5 8 15l8.5-10" />,
  cross: <path d="M5 5l10 10M15 5 5 15" />,
  archive: <path d="M3 3.500h14v4H3zM4 7.500v9h12v-9M7.500 11.500l2 2 3.500-4" />,
  hand: <path d="M4 11l4.5 4.500L16.5 6" />,
  undo: <path d="M7 5 3 9l4 4M3.5 9H12a4.5 4.5 0 0 1 0 9h-2" />,
  flag: <path d="M5 18V3h9.500l-2 3.5 2 3.500H5" />,
  keyboard: <path d="M2 5h16v10H2zM5 8h.01M8 8h.01M11 8h.01M14 8h.01M6 12h8" />,
  picture: <path d="M2.5 4h15v12h-15zM2.5 13l4-4 3.5 3.5 3-3 4.5 4.500M13 7.500h.01" />,
  note: <path d="M4 3h12v9l-4 4.500H4zM7 7h6M7 10h4" />,
  plus: <path d="M10 4v12M4 10h12" />,
  edit: <path d="M4 16l1-4 8.5-8.500 3 3L8 15zM11.5 6l3 3" />,
  upload: <path d="M10 13V3.500M6 7l4-4 4 4M3.5 13v3.500h13V13" />,
  download: <path d="M10 3v9.500M6 9l4 4 4-4M3.5 14v2.500h13V14" />,
  file: <path d="M5 2.500h6.500L15.5 6.500v11H5zM11.5 2.500v4h4" />,
  bin: <path d="M4 5.500h12M8 5.500V3.500h4v2M5.5 5.500l.8 11h7.400l.8-11M8.5 8.500v5M11.5 8.500v5" />,
  tag: <path d="M3 3.500h7l7 7-6.500 6.500L3 9.500zM6.5 7h.01" />,
  area: <path d="M10 2.500v4M5 13.500v-3.500h10v3.500M10 6.500V10M7.5 2.500h5v4h-5zM2.5 13.500h5v4h-5zM12.5 13.500h5v4h-5z" />,
  people: <path d="M7.500 3.500a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM2 16.500c.4-3.300 2.300-5 5.500-5s5.100 1.700 5.500 5M13 4a3 3 0 0 1 0 5.500M14.500 12c2.100.5 3.300 2 3.500 4.500" />,
  key: <path d="M7 8.500a4 4 0 1 1 0 5 4 4 0 0 1 0-5M10.8 11H18v3M15 11v2" />,
  redo: <path d="M13 5l4 4-4 4M16.5 9H8a4.500 4.500 0 0 0 0 9h2" />,
  move: <path d="M10 2.500v15M2.500 10h15M7.500 5 10 2.500 12.500 5M7.500 15l2.500 2.500 2.500-2.500M5 7.500 2.500 10 5 12.500M15 7.500l2.500 2.500-2.500 2.500" />,
  zone: <path d="M3.500 6.500 9 3l7.500 4-2 9.500H5z" />,
  line: <path d="M3 15.500 17 8M9 6l3.500 5.500M10.500 11.500h2.500V9" />,
  privacy: <path d="M3 3l14 14M8 5.500A9.500 9.500 0 0 1 18 10a11 11 0 0 1-2.500 3M12 14.700A9 9 0 0 1 2 10a11 11 0 0 1 3-3.300" />,
  ignore: <path d="M3 5h14v10H3zM3 15 13 5M8 15l9-9M3 10l5-5M13 15l4-4" />,
  rules: <path d="M4 3.500h12v13H4zM7 7h.01M9.500 7H13M7 10h.01M9.500 10H13M7 13h.01M9.500 13H13" />,
  history: <path d="M3.500 5v4h4M4 9a6.700 6.700 0 1 1-.5 3.500M10.500 6.500v4l2.500 1.500" />,
  clock: <path d="M10 2.800a7.200 7.200 0 1 1 0 14.400 7.200 7.200 0 0 1 0-14.400zM10 6v4.500l3 2" />,
  try: <path d="M7.500 3h5M8.500 3v5L4 16.500h12L11.500 8V3M6 13h8" />,
  eye: <path d="M2 10c2-3.700 4.700-5.500 8-5.500s6 1.800 8 5.500c-2 3.700-4.700 5.500-8 5.500S4 13.700 2 10zM10 7.800a2.200 2.200 0 1 1 0 4.400 2.200 2.200 0 0 1 0-4.400z" />,
  // What pictures tell.
  frozen: <path d="M10 2.500v15M3.5 6.200l13 7.600M3.5 13.800l13-7.600M8 3.500l2 2 2-2M8 16.500l2-2 2 2" />,
  dark: <path d="M16.5 12.500A7 7 0 0 1 7.5 3.500a7 7 0 1 0 9 9z" />,
  bright: <path d="M10 6.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7zM10 1.500v2M10 16.500v2M1.500 10h2M16.500 10h2" />,
  blurred: <path d="M10 2.500c3 4 5 6.500 5 9a5 5 0 0 1-10 0c0-2.500 2-5 5-9z" />,
  covered: <path d="M2.500 4.500h15v11h-15zM2.500 12l7.500-7.500M4 15.500l11-11M10 15.500l7.500-7.500" />,
  moved: <path d="M2.500 10h15M6 6.500 2.500 10 6 13.500M14 6.500l3.500 3.500-3.500 3.500" />,
  bitrate_collapsed: <path d="M2.500 4.500l5 3 2.500 6h7.500M14 10.500l3.500 3-3.500 3" />,
  key_interval_long: <path d="M2.500 10h15M4.500 6v8M15.500 6v8M8 10h.01M12 10h.01" />,
  clock_skew: <path d="M10 2.800a7.200 7.200 0 1 1 0 14.400 7.200 7.200 0 0 1 0-14.400zM10 6v4.500l3 2" />,
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
