//! The melodies: notes as MIDI numbers (60 is middle C) and lengths in sixteenths; 0 is a rest. All are in the public domain.

/// Note and length.
pub type Note = (u8, u8);

/// Title, tempo in quarters a minute, notes.
pub fn tunes() -> [(&'static str, u16, Vec<Note>); 3] {
    [
        ("L. van Beethoven: Ode to Joy          ", 120, ode()),
        ("J. S. Bach: Prelude in C, BWV 846     ", 72, prelude()),
        ("L. van Beethoven: Bagatelle in A minor", 76, bagatelle()),
    ]
}

fn ode() -> Vec<Note> {
    let a =
        [(64, 4), (64, 4), (65, 4), (67, 4), (67, 4), (65, 4), (64, 4), (62, 4), (60, 4), (60, 4), (62, 4), (64, 4)];
    let half = [(64, 6), (62, 2), (62, 8)];
    let full = [(62, 6), (60, 2), (60, 8)];
    let b = [
        (62, 4),
        (62, 4),
        (64, 4),
        (60, 4),
        (62, 4),
        (64, 2),
        (65, 2),
        (64, 4),
        (60, 4),
        (62, 4),
        (64, 2),
        (65, 2),
        (64, 4),
        (62, 4),
        (60, 4),
        (62, 4),
        (55, 8),
    ];
    [&a[..], &half, &a, &full, &b, &a, &full, &[(0, 8)]].concat()
}

/// The first bars: each chord twice, its five notes and the last three again.
fn prelude() -> Vec<Note> {
    const CHORDS: [[u8; 5]; 11] = [
        [60, 64, 67, 72, 76],
        [60, 62, 69, 74, 77],
        [59, 62, 67, 74, 77],
        [60, 64, 67, 72, 76],
        [60, 64, 69, 76, 81],
        [60, 62, 66, 69, 74],
        [59, 62, 67, 74, 79],
        [59, 60, 64, 67, 72],
        [57, 60, 64, 67, 72],
        [50, 57, 62, 66, 72],
        [55, 59, 62, 67, 71],
    ];
    const ORDER: [usize; 16] = [0, 1, 2, 3, 4, 2, 3, 4, 0, 1, 2, 3, 4, 2, 3, 4];
    let mut notes: Vec<Note> = CHORDS.iter().flat_map(|chord| ORDER.iter().map(|i| (chord[*i], 1))).collect();
    notes.push((60, 12));
    notes.push((0, 4));
    notes
}

fn bagatelle() -> Vec<Note> {
    let turn =
        [(76, 1), (75, 1), (76, 1), (75, 1), (76, 1), (71, 1), (74, 1), (72, 1), (69, 3), (60, 1), (64, 1), (69, 1)];
    let up = [(71, 3), (64, 1), (68, 1), (71, 1), (72, 3), (64, 1)];
    let down = [(71, 3), (64, 1), (72, 1), (71, 1), (69, 4)];
    let middle = [
        (71, 1),
        (72, 1),
        (74, 1),
        (76, 3),
        (67, 1),
        (77, 1),
        (76, 1),
        (74, 3),
        (65, 1),
        (76, 1),
        (74, 1),
        (72, 3),
        (64, 1),
        (74, 1),
        (72, 1),
        (71, 4),
    ];
    [&turn[..], &up, &turn, &down, &middle, &turn, &up, &turn, &down, &[(0, 6)]].concat()
}
