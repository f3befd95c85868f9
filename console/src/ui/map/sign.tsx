/* The shapes of the map beside words. */
import { LOOK_SHAPES } from '../../lib/mapsigns';
import type { Look } from '../../lib/mapmarks';

export function LookSign({ look }: { look: Look }) {
  const { path, cut, hollow, colour } = LOOK_SHAPES[look];
  return (
    <svg className={`look-sign ${hollow ? 'hollow' : ''}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false" style={{ color: `var(${colour})` }}>
      <path d={path} />
      {cut && <path className="cut" d={cut} />}
    </svg>
  );
}
