/* The shapes of marks on the map, on a 16 x 16 grid: the same for the map, its legend and its list. */
import type { Severity } from '../api/types';
import type { Look } from './mapmarks';

export interface Shape {
  path: string;
  /** Name of its colour in tokens.css. */
  colour: string;
  /** Only its line is drawn. */
  hollow?: boolean;
  /** What is cut into it. */
  cut?: string;
}

export const LOOK_SHAPES: Readonly<Record<Look, Shape>> = {
  running: { path: 'M8 3.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9z', colour: '--ok' },
  poor: { path: 'M3 3h10v10H3z', colour: '--warn' },
  waiting: { path: 'M2.500 2.500h11L9.200 8l4.300 5.500h-11L6.800 8z', colour: '--warn' },
  away: { path: 'M2 5 5 2l3 3 3-3 3 3-3 3 3 3-3 3-3-3-3 3-3-3 3-3z', colour: '--bad' },
  refused: { path: 'M5.200 1.500h5.600l3.700 3.700v5.600l-3.700 3.700H5.200l-3.700-3.700V5.200z', colour: '--bad', cut: 'M5 8h6' },
  off: { path: 'M8 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8z', colour: '--idle', hollow: true },
};

/** As `SeveritySign` draws them. */
export const SEVERITY_SHAPES: Readonly<Record<Severity, Shape>> = {
  critical: { path: 'M8 .800 15.200 8 8 15.200.800 8z', colour: '--critical', cut: 'M8 4.500v4M8 11v.010' },
  high: { path: 'M8 1.500 15.200 14H.800z', colour: '--high', cut: 'M8 6v3.500M8 11.800v.010' },
  medium: { path: 'M8 2.200a5.800 5.800 0 1 1 0 11.600A5.800 5.800 0 0 1 8 2.200z', colour: '--medium' },
  low: { path: 'M8 3a5 5 0 1 1 0 10A5 5 0 0 1 8 3z', colour: '--low', hollow: true },
};
