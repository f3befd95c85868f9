//! Looks at streams that are no channels: the gateway's own sessions and decoder behind `discover::Streams`.
//!
//! One session of some seconds and one decoded key frame; decoding runs off the runtime, at most two at once. There are
//! no masks yet: who configures a camera has to see what it shows.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;

use crate::{
    config::Tls,
    decode::{DecodeLimits, KeyDecoder},
    discover::{StreamAsk, StreamSeen, Streams},
    evidence,
    ingest::{ChannelSpec, LookTime, look},
    types::{AccessUnit, ChannelId},
};

/// Long enough for the rates, and for two key frames of a usual camera.
const TIME: LookTime = LookTime { least: Duration::from_secs(3), most: Duration::from_secs(10) };
const DECODES_AT_ONCE: usize = 2;

/// Sessions and decoder for a probe.
pub struct Looks {
    limits: DecodeLimits,
    quality: u8,
    allow_loopback: bool,
    patrol_floor_s: u32,
    decodes: Semaphore,
}

impl Looks {
    pub fn new(limits: DecodeLimits, quality: u8, allow_loopback: bool, patrol_floor_s: u32) -> Self {
        Self { limits, quality, allow_loopback, patrol_floor_s, decodes: Semaphore::new(DECODES_AT_ONCE) }
    }

    async fn picture(&self, unit: AccessUnit) -> Result<Bytes, String> {
        let _turn = self.decodes.acquire().await.map_err(|e| e.to_string())?;
        let (limits, quality) = (self.limits, self.quality);
        let made = tokio::task::spawn_blocking(move || {
            let frame = KeyDecoder::new(limits).decode(&unit).map_err(|e| e.to_string())?;
            let jpeg = evidence::encode_jpeg(&frame, &[], quality).map_err(|e| e.to_string())?;
            Ok(Bytes::from(jpeg.bytes))
        });
        made.await.map_err(|e| e.to_string())?
    }
}

impl Streams for Looks {
    fn look(&self, ask: StreamAsk) -> BoxFuture<'_, StreamSeen> {
        async move {
            let Ok(id) = ChannelId::new("probe") else { return StreamSeen::default() };
            let spec = ChannelSpec {
                id,
                url: ask.url,
                credential: ask.login.map(|l| (l.user, l.password)),
                transport: ask.transport,
                tls: Tls::default(),
                patrol_floor_s: self.patrol_floor_s,
            };
            let looked = look(&spec, self.allow_loopback, TIME).await;
            let mut seen = StreamSeen {
                codec: looked.codec,
                width: looked.width,
                height: looked.height,
                fps: looked.unit_rate_hz,
                kbit_s: looked.kbit_s,
                key_interval_s: looked.key_interval_s,
                clock_skew_ms: looked.clock_skew_ms,
                error: looked.failure.map(|f| f.reason),
                jpeg: None,
            };
            if let Some(unit) = looked.key {
                match self.picture(unit).await {
                    Ok(jpeg) => seen.jpeg = Some(jpeg),
                    Err(why) => seen.error = Some(format!("sends video that gives no picture: {why}")),
                }
            }
            seen
        }
        .boxed()
    }
}
