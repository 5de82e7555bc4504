//! The menus: arrows, numbers, Enter and Esc; a description of the chosen item; the clock. And the program's main loop.
//!
//! A menu is a title, a number of items, and for each of them its label, its description (five rows of text) and its handler.

use super::cp437::text;
use super::layout::*;
use crate::asm16::*;
use iced_x86::code_asm::registers::*;

const ITEM: &str = "123456789";
/// Bytes of an item in a menu's table.
const ENTRY: i32 = 6;
const UP: i32 = 0x48;
const DOWN: i32 = 0x50;

/// Label, description in rows, handler.
type Item = (&'static str, &'static [&'static str], &'static str);

const MAIN: &[Item] = &[
    ("Text", &["All 256 characters, the colours,", "and the 80x50 text mode."], "text_page"),
    (
        "Graphics",
        &["Plasma and fire in mode 13h,", "lines in mode 12h, a scroller in", "mode X, a CGA picture."],
        "graphics_menu",
    ),
    (
        "Keyboard",
        &["Scan codes as the keyboard sends", "them, characters as the BIOS makes", "them, the shift states."],
        "keyboard_page",
    ),
    ("Mouse", &["A pointer by the BIOS's PS/2", "services. Paint with the buttons."], "mouse_page"),
    ("Timer and sound", &["The interval timer as a clock,", "and melodies on the PC speaker."], "sound_page"),
    ("Game", &["Snake. The arrow keys steer.", "It plays by itself when asked to."], "snake_page"),
    ("Keys", &["What the keys do on each page."], "help_page"),
    ("Restart", &["Starts the machine again."], "restart"),
    ("Power off", &["Turns the machine off, by APM", "or by the chipset."], "power_off"),
];

const GRAPHICS_MENU: &[Item] = &[
    ("Plasma", &["320x200, 256 colours: three sums", "of sines under a turning palette."], "plasma_page"),
    ("Fire", &["320x200, 256 colours: each point", "is the cooled mean of those below."], "fire_page"),
    (
        "Lines",
        &["640x480, 16 colours in planes:", "set/reset, bit mask, patterns, and", "exclusive-or in the controller."],
        "lines_page",
    ),
    ("Scroller", &["Mode X, 320x240 with two pages:", "one is shown, the other is drawn."], "scroller_page"),
    ("CGA picture", &["320x200 in four colours, the", "interlaced memory of 1981."], "cga_page"),
];

pub fn emit(a: &mut Asm16) {
    main(a);
    engine(a);
    draw(a);
    endings(a);
    table(a, "main_table", "Menu", MAIN);
    table(a, "graphics_table", "Graphics", GRAPHICS_MENU);
    text(a, "menu_bottom", "↑↓ choose   Enter or number: go   Esc: back");
    text(a, "menu_name", "rewind86 demo");
    text(a, "dots", "   ");
}

fn main(a: &mut Asm16) {
    asm!(a;
        label   "main";
        mov     sp, STACK;
        mov     bx, a.at("title_page");
        call    "run_page";
        call    "attract_if_idle";
        mov     ax, a.at("main_table");
        call    "menu";
        jmp     "main";

        label   "graphics_menu";
        mov     ax, a.at("graphics_table");
        jmp     "menu";
    );
}

fn engine(a: &mut Asm16) {
    asm!(a;
        // AX: table. Returns at Esc.
        label   "menu";
        push    w(MENU);
        push    w(MENU_ITEM);
        mov     w(MENU), ax;
        mov     w(MENU_ITEM), 0;
        label   ".show";
        call    "text_mode";
        call    "menu_draw";
        label   ".loop";
        call    "menu_choice";
        mov     di, place(0, 59);
        mov     b(ATTR), 0x70;
        call    "put_date";
        mov     al, 0x20;
        call    "putc";
        call    "put_time";
        mov     al, 4;
        call    "frame";
        jc      ".leave";
        jnz     ".key";
        mov     eax, d(TICKS);
        sub     eax, d(LAST_KEY);
        cmp     eax, IDLE_TICKS;
        jb      ".loop";
        call    "attract";
        jmp     ".show";
        label   ".leave";
        pop     w(MENU_ITEM);
        pop     w(MENU);
        ret;

        label   ".key";
        mov     bx, w(MENU);
        mov     dx, w(bx + 2);
        cmp     al, 13;
        je      ".go";
        cmp     ah, UP;
        je      ".up";
        cmp     ah, DOWN;
        je      ".down";
        sub     al, 0x31;
        cmp     al, dl;
        jae     ".loop";
        mov     ah, 0;
        mov     w(MENU_ITEM), ax;
        jmp     ".go";
        label   ".up";
        dec     w(MENU_ITEM);
        jns     ".loop";
        dec     dx;
        mov     w(MENU_ITEM), dx;
        jmp     ".loop";
        label   ".down";
        inc     w(MENU_ITEM);
        cmp     w(MENU_ITEM), dx;
        jb      ".loop";
        mov     w(MENU_ITEM), 0;
        jmp     ".loop";
        label   ".go";
        call    "menu_choice";
        imul_3  si, w(MENU_ITEM), ENTRY;
        add     si, w(MENU);
        mov     bx, w(si + 8);
        call    "run_page";
        jmp     ".show";
    );
}

fn draw(a: &mut Asm16) {
    asm!(a;
        // Everything that does not change.
        label   "menu_draw";
        mov     ax, 0x19B1;
        call    "fill_screen";
        mov     b(ATTR), 0x70;
        xor     di, di;
        mov     cx, 80;
        call    "blanks";
        mov     cx, 80;
        mov     di, place(24, 0);
        call    "blanks";
        mov     di, place(0, 2);
        mov     si, a.at("menu_name");
        call    "puts";
        mov     di, place(24, 2);
        mov     si, a.at("menu_bottom");
        call    "puts";
        // The box of the items and that of the description.
        mov     b(ATTR), 0x1F;
        mov     bx, w(MENU);
        mov     dx, w(bx + 2);
        add     dx, dx;
        inc     dx;
        mov     cx, 24;
        mov     di, place(2, 6);
        mov     si, a.at("double");
        call    "frame_box";
        mov     di, place(6, 36);
        mov     cx, 36;
        mov     dx, 7;
        mov     si, a.at("single");
        call    "frame_box";
        mov     di, place(2, 9);
        mov     al, 0x20;
        call    "putc";
        mov     si, w(bx);
        call    "puts";
        mov     al, 0x20;
        jmp     "putc";

        // The items and the description.
        label   "menu_choice";
        xor     cx, cx;
        label   ".item";
        mov     bx, w(MENU);
        cmp     cx, w(bx + 2);
        jae     ".described";
        imul_3  si, cx, ENTRY;
        add     si, bx;
        imul_3  di, cx, 320;
        add     di, place(4, 8);
        mov     b(ATTR), 0x1F;
        cmp     cx, w(MENU_ITEM);
        jne     ".colour";
        mov     b(ATTR), 0x2F;
        label   ".colour";
        push    cx;
        push    di;
        mov     cx, 22;
        call    "blanks";
        pop     di;
        pop     cx;
        add     di, 2;
        mov     al, cl;
        add     al, 0x31;
        call    "putc";
        add     di, 4;
        mov     si, w(si + 4);
        call    "puts";
        inc     cx;
        jmp     ".item";
        label   ".described";
        // What the item says of itself; rows end with a NUL, the text with another.
        mov     b(ATTR), 0x1E;
        imul_3  si, w(MENU_ITEM), ENTRY;
        add     si, w(MENU);
        mov     si, w(si + 6);
        mov     bx, place(8, 37);
        mov     dx, 5;
        label   ".row";
        mov     di, bx;
        mov     cx, 36;
        call    "blanks";
        lea     di, w(bx + 2);
        cmp     b(si), 0;
        je      ".empty";
        call    "puts";
        label   ".empty";
        add     bx, 160;
        dec     dx;
        jnz     ".row";
        ret;
    );
}

fn endings(a: &mut Asm16) {
    asm!(a;
        // Through the reset vector, without the memory test.
        label   "restart";
        mov     ax, 0x40;
        mov     ds, ax;
        mov     w(0x72), 0x1234;
        jmp_far 0xF000, "reset_vector";
        define  "reset_vector", 0xFFF0;

        // INT 15h, APM 1.2: connect, version, all devices off. Returns where there is no APM.
        label   "power_off";
        mov     ax, 0x5301;
        xor     bx, bx;
        int     0x15;
        mov     ax, 0x530E;
        xor     bx, bx;
        mov     cx, 0x0102;
        int     0x15;
        mov     ax, 0x5307;
        mov     bx, 1;
        mov     cx, 3;
        int     0x15;
        ret;
    );
}

/// Title, number of items; then label, description, handler of each.
fn table(a: &mut Asm16, label: &str, title: &str, list: &[Item]) {
    assert!(list.len() <= ITEM.len());
    let name = |part: &str, i: usize| format!("{label}_{part}{i}");
    asm!(a; align 2; );
    a.label(label);
    a.dw_at(&name("title", 0));
    a.dw(&[list.len() as u16]);
    for (i, item) in list.iter().enumerate() {
        a.dw_at(&name("label", i));
        a.dw_at(&name("text", i));
        a.dw_at(item.2);
    }
    text(a, &name("title", 0), title);
    for (i, item) in list.iter().enumerate() {
        text(a, &name("label", i), item.0);
        a.label(&name("text", i));
        for row in item.1 {
            assert!(row.chars().count() <= 34, "{row:?} is too long");
            a.db(&super::cp437::cp437(row));
            a.db(&[0]);
        }
        a.db(&[0]);
    }
}
