/* Where an alert is, small: a still map of its surroundings, which opens the large one. Nothing where no place is known. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Channel } from '../../api/channel';
import type { Area } from '../../api/inventory';
import type { Alert } from '../../api/types';
import { alertMarks, channelMarks, placed, Whereabouts } from '../../lib/mapmarks';
import { spotOf, type View } from '../../lib/mercator';
import { useAreaText, useChannels } from '../../state/channels';
import { take } from '../../state/chosen';
import { useAreasOfMap } from '../../state/map';
import { useThemeShown } from '../../state/theme';
import { PlainMapView } from './plainmap';
import { areaShapes, type Scene } from './scene';

const ZOOM = { at: 15.5, about: 13 };
const nothing = (): void => {};

/** What is the same for every alert is worked out once: whoever goes through the queue opens several a second. */
function lately<A extends unknown[], R>(make: (...of: A) => R): (...of: A) => R {
  let last: { of: A; made: R } | null = null;
  return (...of) => {
    if (!last || !of.every((x, i) => x === last?.of[i])) last = { of, made: make(...of) };
    return last.made;
  };
}
const whereabouts = lately((channels: readonly Channel[], areas: readonly Area[]) => new Whereabouts(channels, areas));
const shapes = lately(areaShapes);
const marks = lately((channels: readonly Channel[], zoom: number) => channelMarks(placed(channels), zoom));
const NONE: readonly Channel[] = [];

export default function MiniMap({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const channels = useChannels().data ?? NONE;
  const { areas } = useAreasOfMap();
  const theme = useThemeShown();
  const where = useAreaText(alert.area);
  const { id, channel, area } = alert;
  const found = useMemo(() => whereabouts(channels, areas).of({ channel, area }), [channels, areas, channel, area]);
  const zoom = found?.about ? ZOOM.about : ZOOM.at;
  const scene = useMemo(
    (): Scene => ({
      areas: shapes(areas),
      marks: [
        ...marks(channels, zoom),
        // The alert as it came to this page: whether it is a row just now does not matter here.
        ...(found ? alertMarks([{ ...alert, state: 'new', handling: { ...alert.handling, how: 'row', shelved: null } }], whereabouts(channels, areas), zoom) : []),
      ],
      chosen: found ? spotOf(found.place) : null,
      tiles: null,
      plans: [],
    }),
    [areas, channels, zoom, found, alert.handling.priority],
  );
  if (!found) return null;
  const view: View = { ...found.place, zoom };
  return (
    <Link className="minimap" to="/map" title={t('map.open')} onClick={() => take(id)} data-testid="minimap">
      <PlainMapView key={`${id}-${found.place.lat}-${found.place.lon}`} still scene={scene} first={() => view} theme={theme} label={t('map.mini', { where: where || alert.channelName })} onCamera={nothing} onMove={nothing} onPick={nothing} onHover={nothing} />
    </Link>
  );
}
