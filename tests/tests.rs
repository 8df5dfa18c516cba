//! Userbridge from outside, on every database it speaks to.

mod layers;
