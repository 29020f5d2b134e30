# The guest of tests and demo: one boot sector, 16-bit real mode.
#
# It says hello on COM1, answers every byte it gets there (small letters as capitals), lets go of each PCI device that it is
# asked to give back, and switches the machine off when the power button is pressed. Between two rounds it halts until the
# next tick of the timer (18 a second).
#
#   as --32 guest.S -o guest.o
#   ld -m elf_i386 -Ttext 0x7c00 --oformat binary guest.o -o guest.bin
#
# Registers are those of QEMU's documents acpi_pci_hotplug and of the ACPI specification, section "PM1 Event Grouping".
#
#   %bp  base of the PCI hotplug registers: 0xae00 on i440fx, 0x0cc0 on q35
#   %di  base of the power management registers

	.set	COM1, 0x3f8
	.set	COM1_FIFO, COM1 + 2
	.set	COM1_STATUS, COM1 + 5
	.set	PCI_ADDRESS, 0xcf8
	.set	PCI_DATA, 0xcfc
	.set	HOST_BRIDGE, 0x80000000		# 00:00.0, register 0: vendor and device
	.set	Q35, 0x29c08086
	.set	PIIX4_PMBASE, 0x80000b40	# 00:01.3, register 0x40
	.set	ICH9_PMBASE, 0x8000f840		# 00:1f.0, register 0x40
	.set	POWER_BUTTON, 0x0100
	.set	SLEEP_S5, 0x2000		# sleep enable, type 0
	.set	BUSES, 64			# hotpluggable buses that are looked at

	.code16
	.globl	_start
_start:
	cli
	ljmp	$0, $1f
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	cld

	mov	$COM1_FIFO, %dx			# switch the queues on and empty them
	mov	$7, %al
	outb	%al, %dx
	mov	$hello, %si
	call	print

	# Which machine is this?
	mov	$HOST_BRIDGE, %eax
	call	read_pci
	mov	$0xae00, %bp
	mov	$PIIX4_PMBASE, %ecx
	cmp	$Q35, %eax
	jne	1f
	mov	$0x0cc0, %bp
	mov	$ICH9_PMBASE, %ecx
1:	mov	%ecx, %eax
	call	read_pci
	and	$0xffc0, %ax
	mov	%ax, %di

	lea	2(%di), %dx			# the power button is to be noted
	mov	$POWER_BUTTON, %ax
	outw	%ax, %dx

round:
	sti
	hlt
	cli

serial:
	mov	$COM1_STATUS, %dx
	inb	%dx, %al
	test	$1, %al				# nothing has come
	jz	power
	mov	$COM1, %dx
	inb	%dx, %al
	cmp	$'a', %al
	jb	1f
	cmp	$'z', %al
	ja	1f
	sub	$'a' - 'A', %al
1:	call	send
	jmp	serial

power:
	mov	%di, %dx
	inw	%dx, %ax
	cmp	$0xffff, %ax			# no such register: a machine without ACPI
	je	unplug
	test	$POWER_BUTTON, %ax
	jz	unplug
	mov	$off, %si
	call	print
	lea	4(%di), %dx
	mov	$SLEEP_S5, %ax
	outw	%ax, %dx

unplug:
	xor	%ebx, %ebx
1:	lea	0x10(%bp), %dx			# select a bus
	mov	%ebx, %eax
	outl	%eax, %dx
	lea	4(%bp), %dx			# one bit for each slot that is to be given back
	inl	%dx, %eax
	test	%eax, %eax
	jz	2f
	cmp	$-1, %eax			# no such register
	je	round
	lea	8(%bp), %dx
	outl	%eax, %dx
	mov	$gone, %si
	call	print
2:	inc	%bx
	cmp	$BUSES, %bx
	jb	1b
	jmp	round

# The text at %si goes out on COM1.
1:	call	send
print:	lodsb
	test	%al, %al
	jnz	1b
	ret

# The byte in %al goes out on COM1, as soon as the queue is empty.
send:	mov	%al, %ah
	mov	$COM1_STATUS, %dx
1:	inb	%dx, %al
	test	$0x20, %al
	jz	1b
	mov	%ah, %al
	mov	$COM1, %dx
	outb	%al, %dx
	ret

# The PCI register that %eax names, into %eax.
read_pci:
	mov	$PCI_ADDRESS, %dx
	outl	%eax, %dx
	mov	$PCI_DATA, %dx
	inl	%dx, %eax
	ret

hello:	.asciz	"virtc guest: hello\n"
gone:	.asciz	"virtc guest: device released\n"
off:	.asciz	"virtc guest: power off\n"

	.org	510
	.word	0xaa55
