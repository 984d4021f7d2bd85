//! The task function: [`api`] handles requests, [`problem`] maps errors to responses, and [`store`] makes every DynamoDB call.

pub mod api;
pub mod problem;
pub mod store;
