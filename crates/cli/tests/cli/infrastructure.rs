//! What init, plan, status, destroy, check and discover show.
