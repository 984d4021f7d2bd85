//! Text for a terminal: tables, times, colours, the line that is rewritten. It knows nothing of AWS.

pub mod clock;
pub mod layout;
pub mod screen;
