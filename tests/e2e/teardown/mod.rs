//! The teardown workflow: both stacks of the CDK apps in an emulated account of their own for each test, the real
//! state machine and function, and what may go wrong in any state and at any call.

mod abandoned;
pub mod account;
mod again;
pub mod assembly;
mod calls;
mod damaged;
mod data;
pub mod deployment;
mod every_call;
mod kept;
mod leftovers;
mod many;
mod meanwhile;
pub mod people;
mod planner;
mod refusals;
mod roles;
mod run;
mod stages;
mod strays;
mod stuck;
mod undoing;
mod unknown;
