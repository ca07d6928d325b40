//! `make doctor` and scripts/build.sh on machines that lack something.

mod build;
mod cluster;
mod machine;
mod requirements;
