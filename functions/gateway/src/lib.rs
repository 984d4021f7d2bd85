//! Shared by the functions behind API Gateway: [`http`] has the event and its response, [`edge`] the headers and the log line
//! of every response, and [`problem`] the form in which errors are reported.

pub mod edge;
pub mod http;
pub mod problem;
