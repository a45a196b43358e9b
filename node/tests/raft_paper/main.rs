//! The rules of Raft one by one, named after the sections they come from.
//!
//! `solo` drives one member message by message, to pin down what exactly it answers and what it waits for; `cluster`
//! runs several over a network whose links a test cuts by hand, for stories such as figure 8. Random schedules are in
//! `raft_sim`.

mod absurd;
mod bugs;
mod cluster;
mod commitment;
mod durability;
mod elections;
mod proposals;
mod reads;
mod repair;
mod solo;
