//! Faults that a farm can be told to show, and the words for them.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// What a channel does instead of sending its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    None = 0,
    /// Nothing, over an open connection.
    Stall,
    /// One byte a second.
    Drip,
    /// RTP with the right header and random bytes behind it.
    GarbagePayload,
    /// RTP under a foreign SSRC.
    GarbageSsrc,
    /// On an interleave channel that nobody set up (over UDP: as `GarbagePayload`).
    GarbageChannel,
    /// Random bytes without any framing.
    GarbageRaw,
}

impl Fault {
    const ALL: [Fault; 7] = [
        Fault::None,
        Fault::Stall,
        Fault::Drip,
        Fault::GarbagePayload,
        Fault::GarbageSsrc,
        Fault::GarbageChannel,
        Fault::GarbageRaw,
    ];

    /// The argument of `garbage N KIND`.
    pub fn garbage(kind: Option<&str>) -> Option<Fault> {
        match kind {
            None | Some("payload") => Some(Fault::GarbagePayload),
            Some("ssrc") => Some(Fault::GarbageSsrc),
            Some("channel") => Some(Fault::GarbageChannel),
            Some("raw") => Some(Fault::GarbageRaw),
            Some(_) => None,
        }
    }
}

/// A fault that one task sets and another obeys.
#[derive(Debug, Default)]
pub struct FaultCell(AtomicU8);

impl FaultCell {
    pub fn set(&self, fault: Fault) {
        self.0.store(fault as u8, Relaxed);
    }
    pub fn get(&self) -> Fault {
        Fault::ALL.get(usize::from(self.0.load(Relaxed))).copied().unwrap_or(Fault::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_back_out_of_its_cell() {
        let cell = FaultCell::default();
        assert_eq!(cell.get(), Fault::None);
        for fault in Fault::ALL {
            cell.set(fault);
            assert_eq!(cell.get(), fault);
        }
    }
}
