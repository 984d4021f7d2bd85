use std::env;

use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging: JSON lines on standard output, at the level in `RUST_LOG` (default `info`).
///
/// No function records its arguments in a span: `#[instrument]` without `skip_all` would log whole events with their tokens.
pub fn init_log() {
    let level = env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let filter = level.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_span_list(false).with_filter(filter)).init();
}
