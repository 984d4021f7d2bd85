//! The task function: [`api`] answers the HTTPS API with [`http`]'s event types and [`problem`]'s mapping of errors, and
//! [`store`] makes every DynamoDB call.

pub mod api;
pub mod http;
pub mod problem;
pub mod store;
