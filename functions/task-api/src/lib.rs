//! The task function: [`api`] handles requests, [`http`] has the event types, [`problem`] maps errors to responses, and
//! [`store`] makes every DynamoDB call.

pub mod api;
pub mod http;
pub mod problem;
pub mod store;
