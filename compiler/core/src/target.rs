//! What a QEMU can do.

/// The QEMU that output is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Major, minor, micro.
    pub version: (u32, u32, u32),
}

impl Target {
    /// The profiles that ship, newest first.
    pub const PROFILES: &'static [Self] = &[Self { version: (10, 0, 0) }, Self { version: (7, 2, 0) }];

    /// The profile for a version such as `7.2`, `None` where none ships.
    pub fn profile(version: &str) -> Option<Self> {
        let mut parts = version.split('.').map(str::parse::<u32>);
        let (major, minor) = (parts.next()?.ok()?, parts.next().unwrap_or(Ok(0)).ok()?);
        Self::PROFILES.iter().find(|t| (t.version.0, t.version.1) == (major, minor)).cloned()
    }

    /// Whether it is at least this version.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.version.0, self.version.1) >= (major, minor)
    }
}

impl Default for Target {
    fn default() -> Self {
        Self { version: (10, 0, 0) }
    }
}
