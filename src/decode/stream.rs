//! One channel's units decoded one after the other, for as long as the channel is in focus or catching up.
//!
//! In: runs of units in decode order, each going on where the last one ended, or beginning at a key unit. Out: the
//! newest picture of the run. Pictures that nobody looks at are neither mapped nor copied. Without B-frames the picture
//! of the newest unit comes out at once; with them it is that of some units before (`shown` says which), and
//! `run_to_present` gives the very newest all the same.
//!
//! It never starts a thread. Whatever it is given it does not panic; after a failure it wants a key unit.

use std::collections::VecDeque;

use bytes::Bytes;

use super::element::{Element, Kind, Picture};
use super::header::{self, StreamColour};
use super::recovery::{self, Numbers};
use super::{DecodeError, DecodeLimits, KeyDecoder, choice, given_up, kind, start};
use crate::config::DecoderChoice;
use crate::types::{AccessUnit, Codec, Frame};

/// Neither H.264 nor H.265 lets a decoder hold back more pictures.
const MOST_HELD: u64 = 16;
/// Marks whose pictures have not come out; some never do.
const MOST_MARKS: usize = 64;

/// Decodes one channel.
pub struct StreamDecoder {
    limits: DecodeLimits,
    choice: DecoderChoice,
    state: Option<State>,
    /// MJPEG units stand alone.
    alone: Option<KeyDecoder>,
    shown: Option<i64>,
}

struct State {
    element: Element,
    kind: Kind,
    session: u32,
    colour: Option<StreamColour>,
    /// How the numbers of units are lowered where decoding began at a recovery point.
    lowered: Option<(Numbers, u32)>,
    /// Marks and positions of the units in the decoder.
    units: VecDeque<(u64, i64)>,
    next_mark: u64,
    /// Units since the last one that gave a picture.
    silent: u64,
    /// Units whose pictures have not come out.
    held: u64,
}

impl StreamDecoder {
    /// By what was chosen. A device that fails is not asked again by this decoder.
    pub fn new(limits: DecodeLimits, choice: DecoderChoice) -> Self {
        Self { limits, choice, state: None, alone: None, shown: None }
    }

    /// Decodes units in order and gives the newest picture that came out; `None` where none did, since pictures that
    /// are shown later come first. The first unit follows the last one of the call before, or a key unit is among
    /// them: decoding then begins anew at the last key unit.
    pub fn run(&mut self, units: &[AccessUnit]) -> Result<Option<Frame>, DecodeError> {
        let result = self.decode(units, false);
        self.count(&result);
        result
    }

    /// As `run`, but gives the picture that is shown last of all those units even where the decoder would hold it back.
    /// Then, and after a failure, the next run must begin with a key unit: see [`StreamDecoder::goes_on`].
    pub fn run_to_present(&mut self, units: &[AccessUnit]) -> Result<Option<Frame>, DecodeError> {
        let result = self.decode(units, true);
        self.count(&result);
        result
    }

    /// False where the next run must begin with a key unit.
    pub fn goes_on(&self) -> bool {
        self.state.is_some()
    }

    /// `timeline_90k` of the unit whose picture was given last; `None` if the decoder did not tell.
    pub fn shown(&self) -> Option<i64> {
        self.shown
    }

    fn count(&mut self, result: &Result<Option<Frame>, DecodeError>) {
        match result {
            Ok(Some(_)) => metrics::counter!("skyeye_decode_frames_total").increment(1),
            Ok(None) => {}
            Err(e) => {
                if let Some(state) = self.state.take() {
                    if state.element.is_dead() {
                        metrics::counter!("skyeye_decode_replaced_total").increment(1);
                    }
                    if state.element.is_hardware() && matches!(e, DecodeError::Died { .. }) {
                        self.choice = DecoderChoice::Software;
                        given_up(state.kind.codec(), e);
                    }
                }
                metrics::counter!("skyeye_decode_errors_total", "kind" => e.kind()).increment(1);
            }
        }
    }

    fn decode(&mut self, units: &[AccessUnit], to_present: bool) -> Result<Option<Frame>, DecodeError> {
        self.shown = None;
        let Some(newest) = units.last() else { return Ok(None) };
        if newest.codec == Codec::Mjpeg {
            let alone = self.alone.get_or_insert_with(|| KeyDecoder::with(self.limits, self.choice));
            self.shown = Some(newest.timeline_90k);
            return alone.decode_inner(newest).map(Some);
        }
        let from = units.iter().rposition(|u| u.key);
        let units = units.get(from.unwrap_or(0)..).unwrap_or_default();
        let Some(first) = units.first() else { return Ok(None) };
        let left = match from {
            Some(_) => self.begin(first)?,
            None if self.state.as_ref().is_none_or(|s| s.session != first.session || s.kind.codec() != first.codec) => {
                return Err(DecodeError::NoPicture { codec: first.codec, reason: "continues nothing that is decoded" });
            }
            None => None,
        };
        let Some(state) = &mut self.state else { return Ok(None) };
        for (index, unit) in units.iter().enumerate() {
            if unit.codec != first.codec || unit.session != first.session {
                return Err(DecodeError::NoPicture { codec: unit.codec, reason: "continues nothing that is decoded" });
            }
            // Only where what is held back is drained anyway: a gap in the pictures' order makes libavcodec believe
            // in B-frames, and from then on it would hold a picture back.
            let wanted = index == 0 || index + 1 == units.len();
            if to_present && !wanted && header::is_disposable(unit.codec, &unit.data) {
                continue;
            }
            state.push(unit)?;
        }
        let mut picture = state.take()?;
        if to_present && state.held > 0 {
            state.element.drain();
            picture = state.take()?.or(picture);
            let result = Self::give(state, picture, &mut self.shown);
            self.state = None;
            return result;
        }
        let picture = picture.or(left);
        if picture.is_none() && state.silent > MOST_HELD {
            return Err(DecodeError::NoPicture { codec: first.codec, reason: "and those before it are damaged" });
        }
        Self::give(state, picture, &mut self.shown)
    }

    fn give(
        state: &mut State,
        picture: Option<Picture>,
        shown: &mut Option<i64>,
    ) -> Result<Option<Frame>, DecodeError> {
        let Some(picture) = picture else { return Ok(None) };
        *shown = picture.mark.and_then(|mark| state.position(mark));
        state.element.frame(picture, state.colour).map(Some)
    }

    /// Makes ready for a key unit. Within a session an IDR picture needs nothing done; else the decoder is emptied, and this
    /// gives what it still held of this session.
    fn begin(&mut self, unit: &AccessUnit) -> Result<Option<Picture>, DecodeError> {
        let header = self.limits.header(unit)?;
        let kind = kind(unit.codec, &header);
        let lowered = header.recovery.and_then(|n| Some((n, recovery::number(&unit.data, n)?)));
        let usable = self.state.as_ref().is_some_and(|s| s.kind == kind && !s.element.is_dead());
        if !usable {
            start()?;
            self.state = None;
        }
        let anew = self.state.is_none();
        let state = match &mut self.state {
            Some(state) => state,
            None => self.state.insert(State {
                element: Element::new(kind, choice::element(self.choice, kind)?, self.limits)?,
                kind,
                session: unit.session,
                colour: None,
                lowered: None,
                units: VecDeque::new(),
                next_mark: 0,
                silent: 0,
                held: 0,
            }),
        };
        // Units may have been left out before a recovery point, or those of another session.
        let mut left = None;
        if !anew && (!header.closed || state.session != unit.session) {
            state.element.drain();
            left = state.take()?.filter(|_| state.session == unit.session);
            state.held = 0;
        }
        state.session = unit.session;
        state.colour = header.colour;
        state.lowered = lowered;
        Ok(left)
    }
}

impl State {
    fn push(&mut self, unit: &AccessUnit) -> Result<(), DecodeError> {
        let data = self
            .lowered
            .and_then(|(numbers, less)| recovery::renumbered(&unit.data, numbers, less))
            .map_or_else(|| unit.data.clone(), Bytes::from);
        self.units.push_back((self.next_mark, unit.timeline_90k));
        if self.units.len() > MOST_MARKS {
            self.units.pop_front();
        }
        self.silent += 1;
        self.element.push(data, Some(self.next_mark))?;
        self.next_mark += 1;
        self.held += 1;
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Picture>, DecodeError> {
        let picture = self.element.take()?;
        self.held = self.held.saturating_sub(u64::from(self.element.pictures()));
        if picture.is_some() {
            self.silent = 0;
        }
        Ok(picture)
    }

    fn position(&self, mark: u64) -> Option<i64> {
        self.units.iter().rev().find(|(m, _)| *m == mark).map(|(_, at)| *at)
    }
}
