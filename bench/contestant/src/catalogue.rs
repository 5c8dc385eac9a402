//! The tables of the contestants on SQL.
