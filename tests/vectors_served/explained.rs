//! `hash explain` on the vectors.
