/* SPDX-License-Identifier: MIT */
/* The page that report_page.c fills in, as dashboards/web makes it, within the program. The path is
 * found through -I$(top_srcdir), which Makefile.am hands to the assembler. */
    .section .rodata
    .global report_template
    .global report_template_end
    .type report_template, %object
    .type report_template_end, %object
report_template:
    .incbin "dashboards/web/dist/report.html"
report_template_end:
    .byte 0
    .size report_template, report_template_end - report_template
    .size report_template_end, 1

/* Without this note the linker would give the program an executable stack. */
    .section .note.GNU-stack, "", %progbits
