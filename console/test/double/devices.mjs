/* What the double says of devices: brands, a search that finds some, a probe that goes step by step. */
export const brands = [
  { id: 'hikvision', name: 'Hikvision 海康威视', main: '/Streaming/Channels/{channel}01', sub: '/Streaming/Channels/{channel}02', port: 554, note: 'ONVIF is off at first and has users of its own: Configuration > Network > Advanced > Integration Protocol.', default_user: 'admin' },
  { id: 'dahua', name: 'Dahua 大华', main: '/cam/realmonitor?channel={channel}&subtype=0', sub: '/cam/realmonitor?channel={channel}&subtype=1', port: 554, note: 'The sub stream must be switched on in the encode settings.' },
];

const FOUND = [
  { address: '10.0.7.21', port: 80, onvif: true, rtsp_port: 554, name: 'IPCamera 21', manufacturer: 'HIKVISION', model: 'DS-2CD3T47', hardware: '', location: '滨河路', reason: null },
  { address: '10.0.7.40', port: 80, onvif: true, rtsp_port: 554, name: 'NVR', manufacturer: 'Dahua', model: 'NVR4216', hardware: '', location: '', reason: null },
  { address: '10.0.1.7', port: 554, onvif: false, rtsp_port: 554, name: '', manufacturer: '', model: '', hardware: '', location: '', reason: null },
];

export function discovery(ask, ms, channels) {
  const of = ask.kind === 'ws' ? 1 : 254;
  const share = Math.min(1, ms / 2500);
  const known = (address) => channels.filter((c) => c.host === address).map((c) => c.id).slice(0, 200);
  const found = FOUND.slice(0, Math.floor(share * FOUND.length + 0.01)).map((f) => ({ ...f, xaddr: null, known: known(f.address) }));
  return { done: share === 1, asked: Math.floor(of * share), of, found, error: null };
}

const REFUSES = "refuses user name or password; correct the channel's [[credential]] (tried again rarely, so that the camera does not lock the account)";
const REFUSED = ['takes the paths of Dahua', 'looks at stream main', `stream main: ${REFUSES}`];
const STEPS = ['Asks 10.0.7.40 by ONVIF.', 'Dahua NVR4216, firmware 4.001; its clock is 7 s behind.', 'Four profiles on two channels.', 'Looks at the sub stream of channel 1: H.264, 704x576, 12.5 pictures a second.', 'Looks at the main stream of channel 1: H.265, 2560x1440.'];

export function probe(ask, ms) {
  const bad = ask.password === 'wrong';
  const steps = bad ? REFUSED : STEPS;
  const n = Math.min(steps.length, Math.floor(ms / 400));
  const done = ms / 400 > steps.length;
  const host = ask.host ?? new URL(ask.url).hostname;
  const stream = (no, kind, part) => ({ name: `Profile_${no}${kind === 'main' ? 1 : 2}`, kind, url: `rtsp://${host}:554/Streaming/Channels/${no}0${kind === 'main' ? 1 : 2}`, channel_no: no, codec: null, width: 0, height: 0, fps: 0, kbit_s: 0, key_interval_s: null, measured: false, picture: false, error: null, ...part });
  return {
    done,
    step: done ? '' : (steps[n] ?? ''),
    steps: steps.slice(0, done ? undefined : n).map((text) => ({ text })),
    device: bad || n < 2 ? null : { manufacturer: 'Dahua', model: 'NVR4216-16P', firmware: '4.001.0000000', serial: '6G0123PAZ99', clock_skew_ms: -7200 },
    streams:
      !done
        ? []
        : bad
          ? [stream(1, 'main', { error: REFUSES }), stream(1, 'sub', {})]
          : ask.url
          ? [stream(1, 'sub', { url: ask.url, codec: 'h264', width: 704, height: 576, fps: 12.5, kbit_s: 410, key_interval_s: 2, measured: true, picture: true })]
          : [
              stream(1, 'main', { codec: 'h265', width: 2560, height: 1440, fps: 25, kbit_s: 4100, key_interval_s: 2, measured: true, picture: true }),
              stream(1, 'sub', { codec: 'h264', width: 704, height: 576, fps: 12.5, kbit_s: 410, key_interval_s: 2, measured: true, picture: true }),
              stream(2, 'main', {}),
              stream(2, 'sub', {}),
            ],
    snapshot_url: null,
    picture: done && !bad,
    error: bad && done ? `the stream ${REFUSES}` : null,
    advice: bad && done ? 'Cameras are channel 1; recorders count from 1. The sub stream must be switched on in the camera\'s encode settings. The ONVIF user is the device\'s own unless ONVIF has its user list.' : null,
  };
}
