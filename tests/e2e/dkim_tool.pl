#!/usr/bin/perl
# Makes DKIM keys and signatures for the end-to-end tests with Debian's Mail::DKIM (a dependency of amavisd-new).
#   dkim_tool.pl keygen KEYFILE            writes a private key, prints the public one for a TXT record
#   dkim_tool.pl sign KEYFILE METHOD       reads a message (CRLF) on stdin, prints its DKIM-Signature field
# METHOD is header/body canonicalisation: simple/simple, relaxed/relaxed ...
use strict;
use warnings;
use Crypt::OpenSSL::RSA;
use Mail::DKIM::PrivateKey;
use Mail::DKIM::Signer;

my ($command, $key_file, $method) = @ARGV;
binmode STDIN;
binmode STDOUT;
if ($command eq 'keygen') {
    my $key = Crypt::OpenSSL::RSA->generate_key(2048);
    open(my $out, '>', $key_file) or die "$key_file: $!";
    print $out $key->get_private_key_string;
    close($out) or die "$key_file: $!";
    my $public = $key->get_public_key_x509_string;
    $public =~ s/-----.*?-----//g;
    $public =~ s/\s//g;
    print $public;
} elsif ($command eq 'sign') {
    my $signer = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256', Method => $method, Domain => 'signed.test', Selector => 'e2e',
        Key => Mail::DKIM::PrivateKey->load(File => $key_file));
    local $/;
    $signer->PRINT(<STDIN>);
    $signer->CLOSE;
    my $field = $signer->signature->as_string;
    # Folds come as LF or CRLF; the message has CRLF.
    $field =~ s/\r?\n/\r\n/g;
    print "$field\r\n";
} else {
    die "usage: dkim_tool.pl keygen|sign KEYFILE [METHOD]\n";
}
