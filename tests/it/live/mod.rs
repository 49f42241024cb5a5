//! The live trader, part by part.

mod desk;
