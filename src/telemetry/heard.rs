//! What a library tells by its log alone, counted all the same.
//!
//! The embedded broker's library drops the oldest messages of a client's queue that is full and says so in a warning, which
//! carries their number; nothing else of it does. Only what a client returns to a full queue as it goes is not told of.

use std::fmt::Debug;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Where the library keeps the queues, and the field of its warning.
const QUEUES: &str = "mqtt5::broker::storage::client_queue";
const DROPPED: &str = "dropped";

/// Counts what is told in the log; hears what the log's filter lets through.
pub struct Heard;

struct Number(u64);

impl Visit for Number {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == DROPPED {
            self.0 += value;
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == QUEUES && *event.metadata().level() == Level::WARN {
            let mut dropped = Number(0);
            event.record(&mut dropped);
            metrics::counter!("skyeye_publish_broker_dropped_total").increment(dropped.0);
        }
    }
}
