//! Text on a terminal: tables, times, colours, the progress line. Nothing here knows AWS.

pub mod ask;
pub mod clock;
pub mod layout;
pub mod screen;
pub mod visible;
