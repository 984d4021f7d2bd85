//! Stacks of somebody else's, with nothing of this service in them: stuck in ten ways, each in an emulated account of its
//! own; what the usual commands leave of them, and what `taskctl rescue` does.

mod beside;
mod choices;
mod foreign;
mod interrupted;
mod nested;
mod operator;
mod scenes;
mod stuck;
